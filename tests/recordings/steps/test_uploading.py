"""A recording is requested once; the card and the upload URL are requested in parallel."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.errors import CallAudioError
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.slack_port import NewFile, UploadTicket
from bot.recordings.steps.uploading import Uploading
from bot.recordings.transfer.relay import Measured, Source
from tests.polling import DEADLINE_SECONDS
from tests.recordings.deliveries.rows import under_way
from tests.recordings.references.test_agents import AGENTS, CALL

SOURCE = Source("T1", AGENTS["default"], CALL, Direction.COMBINED, raw=True)
TEXT = b"Caller: yes\n"
DELIVERY = under_way(conversation_id=CALL)
TRANSCRIPT = replace(DELIVERY, kind=DeliveryKind.TRANSCRIPT)
BYTES = b"RIFF, in pieces"


class UploadingSetup:
    """PolyAI, Slack and the drawing of pictures in one; records its calls."""

    waiting = 1

    def __init__(self) -> None:
        self.said: list[str] = []
        self.files: list[NewFile] = []
        self.announced = asyncio.Event()
        self.place_given = asyncio.Event()
        self.refusal: CallAudioError | None = None
        self.rounds = 1
        self.picture_sizes: list[int] = []
        self.progress_sizes: list[int] = []
        self.seen = {"progress": b"", "picture": b""}
        self.picture_drops = 0
        self.outline = None

    async def announce(self) -> str:
        self.said.append("announce")
        await self.place_given.wait()
        self.announced.set()
        self.said.append("announced")
        return "9.0"

    async def start_upload(self, file) -> UploadTicket:
        self.said.append(f"place for {file.size_bytes}")
        self.files.append(file)
        self.place_given.set()
        if self.refusal:
            raise self.refusal
        return UploadTicket(f"F{len(self.files)}", SecretStr("https://a.b/c"))

    async def send(self, ticket, file, chunks) -> None:
        assert file == self.files[-1]
        self.said.append(f"{ticket.file_id}: {b''.join([each async for each in chunks])!r}")

    @asynccontextmanager
    async def fetched(self, source):
        assert source == SOURCE
        yield TEXT

    async def fetch(self, source, begin) -> None:
        assert await source.facts() == CallFacts(CALL)
        assert replace(source, facts=None) == SOURCE
        for size in range(100, 100 + self.rounds):
            async with begin(Measured(size, 1.0)) as upload:
                assert upload.file == self.files[-1]
                assert upload.ticket.file_id == f"F{len(self.files)}"
                for watch in upload.watchers:
                    watch(BYTES)
                self.said.append(f"{len(upload.watchers)} watchers")

    def begin(self, what, of):
        if isinstance(of, str):
            assert (what, of) == (SOURCE.agent, CALL)
            return lambda: asyncio.sleep(0, CallFacts(CALL))
        assert what == DELIVERY
        self.picture_sizes.append(of)
        return asyncio.sleep(0, self)

    def see(self, piece) -> None:
        self.seen["picture"] += piece

    async def drop(self) -> None:
        self.picture_drops += 1

    @asynccontextmanager
    async def shown(self, of_delivery, size_bytes):
        assert of_delivery == replace(DELIVERY, card_ts="9.0")
        self.progress_sizes.append(size_bytes)

        def watch(piece) -> None:
            self.seen["progress"] += piece

        yield watch


def uploading(setup: UploadingSetup, **changes: bool) -> Uploading:
    return Uploading(
        relay=setup,
        transcripts=setup,
        slack=setup,
        progress=setup,
        pictures=setup,
        calls=setup,
        **changes,
    )


@pytest.mark.parametrize(
    ("changes", "sha256"),
    [
        pytest.param({}, None, id="not checked"),
        pytest.param({"digests": True}, hashlib.sha256(BYTES).hexdigest(), id="checked"),
    ],
)
async def test_a_recording_is_sent_under_its_name_and_watched_to_its_end(changes, sha256):
    setup = UploadingSetup()
    async with uploading(setup, **changes).recording(DELIVERY, SOURCE, setup.announce) as upload:
        assert (upload.file_id, upload.measured) == ("F1", Measured(100, 1.0))
        assert (upload.picture, upload.sha256) == (setup, sha256)
    assert setup.files == [NewFile(f"{CALL}-raw.wav", 100)]
    assert (setup.picture_sizes, setup.progress_sizes) == ([100], [100])
    assert setup.seen == {"progress": BYTES, "picture": BYTES}
    assert setup.said[-1] == ("3 watchers" if changes else "2 watchers"), "a digest costs time"


def test_recordings_and_transcripts_that_wait_for_a_slot_are_counted_together():
    assert uploading(UploadingSetup()).waiting() == 2


async def test_the_upload_url_is_requested_while_the_card_is_posted():
    setup = UploadingSetup()
    async with asyncio.timeout(DEADLINE_SECONDS):
        async with uploading(setup).transcript(TRANSCRIPT, SOURCE, setup.announce) as upload:
            assert (upload.file_id, upload.measured) == ("F1", Measured(len(TEXT), None))
            assert (upload.picture, upload.sha256) == (None, None)
    assert setup.said[:2] in (
        ["announce", f"place for {len(TEXT)}"],
        [f"place for {len(TEXT)}", "announce"],
    )
    assert setup.said[-1] == f"F1: {TEXT!r}"
    assert setup.files == [NewFile(f"{CALL}-transcript.txt", len(TEXT))]


async def test_posting_the_card_is_not_cancelled_by_a_refused_upload():
    setup = UploadingSetup()
    setup.refusal = CallAudioError(what="no room")
    with pytest.raises(CallAudioError, match="no room"):
        async with uploading(setup).transcript(TRANSCRIPT, SOURCE, setup.announce):
            pass
    assert setup.announced.is_set()


async def test_every_begun_picture_is_dropped_and_the_last_upload_counts():
    setup = UploadingSetup()
    setup.rounds = 2  # the size in its header was wrong
    async with uploading(setup).recording(DELIVERY, SOURCE, setup.announce) as upload:
        assert (upload.file_id, upload.measured.size_bytes) == ("F2", 101)
        assert setup.picture_drops == 0
    assert setup.picture_drops == 2


async def test_a_picture_is_dropped_if_its_recording_fails():
    setup = UploadingSetup()

    async def breaks_off(_source, begin):
        async with begin(Measured(1, None)):
            raise CallAudioError(what="broke off")

    setup.fetch = breaks_off
    with pytest.raises(CallAudioError, match="broke off"):
        async with uploading(setup).recording(DELIVERY, SOURCE, setup.announce):
            pass
    assert setup.picture_drops == 1
