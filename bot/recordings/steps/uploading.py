"""Steps 3 to 5: open the recording, have its card posted, and send it to an invisible upload."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bot.concurrency.gather import both
from bot.polyai.calls import CallReader
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.naming import file_name
from bot.recordings.deliveries.slack_files import pieces_of
from bot.recordings.deliveries.slack_port import NewFile, SlackPort, UploadTicket
from bot.recordings.steps.card_progress import Progress
from bot.recordings.steps.transcripts import Transcripts
from bot.recordings.transfer.relay import Measured, Outgoing, Relay, Source
from bot.recordings.waveform.pictures import Picture, Pictures

Announce = Callable[[], Awaitable[str]]
"""Posts the card unless it exists; returns its ts."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A finished, invisible upload and its facts."""

    file_id: str
    measured: Measured
    picture: Picture | None = None
    digest: "hashlib._Hash | None" = None
    """The hash of its bytes, if it has to be checked."""

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the upload."""
        return self.digest.hexdigest() if self.digest else None


class Uploading:
    """Uploads recordings and transcripts from PolyAI, which is asked once for each."""

    def __init__(
        self,
        *,
        relay: Relay,
        transcripts: Transcripts,
        slack: SlackPort,
        progress: Progress,
        pictures: Pictures,
        calls: CallReader,
        digests: bool = False,
    ) -> None:
        self._relay = relay
        self._transcripts = transcripts
        self._slack = slack
        self._progress = progress
        self._pictures = pictures
        self._calls = calls
        self._digests = digests

    def waiting(self) -> int:
        """Return how many only wait for their turn."""
        return self._relay.waiting + self._transcripts.waiting

    @asynccontextmanager
    async def recording(
        self, delivery: Delivery, source: Source, announce: Announce
    ) -> AsyncIterator[Upload]:
        """Send the recording; its picture is made while the context lasts.

        Raises:
            CallAudioError: there is no valid recording, or Slack refused.
        """
        uploads: list[Upload] = []

        @asynccontextmanager
        async def begin(measured: Measured) -> AsyncIterator[Outgoing]:
            size_bytes = measured.size_bytes
            file = NewFile(file_name(delivery), size_bytes)
            picture = await self._pictures.begin(delivery, size_bytes)
            ticket, card_ts = await self._prepare(file, announce)
            shown = replace(delivery, card_ts=card_ts)
            digest = hashlib.sha256() if self._digests else None
            uploads.append(Upload(ticket.file_id, measured, picture, digest))
            async with self._progress.shown(shown, size_bytes) as progress:
                watchers = (progress, picture.see, *([digest.update] if digest else []))
                yield Outgoing(ticket, file, watchers)

        facts = self._calls.begin(source.agent, source.conversation_id)
        try:
            await self._relay.fetch(replace(source, facts=facts), begin)
            yield uploads[-1]
        finally:
            for upload in uploads:
                if upload.picture:
                    await upload.picture.drop()

    @asynccontextmanager
    async def transcript(
        self, delivery: Delivery, source: Source, announce: Announce
    ) -> AsyncIterator[Upload]:
        """Send the transcript.

        Raises:
            CallAudioError: there is no transcript, or Slack refused.
        """
        async with self._transcripts.fetched(source) as text:
            file = NewFile(file_name(delivery), len(text))
            ticket, _ = await self._prepare(file, announce)
            await self._slack.send(ticket, file, pieces_of(text))
        yield Upload(ticket.file_id, Measured(len(text), None))

    async def _prepare(self, file: NewFile, announce: Announce) -> tuple[UploadTicket, str]:
        """Post the card and request an upload URL, in parallel.

        A failure of one does not cancel the other: a posted card must always be stored.
        """
        card_ts, place = await both(announce(), self._slack.start_upload(file))
        return place, card_ts
