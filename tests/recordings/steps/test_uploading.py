"""A recording is requested once; the card and the upload URL are requested in parallel."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from bot.errors import CallAudioError
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.slack_port import UploadTicket
from bot.recordings.steps.uploading import Uploading
from bot.recordings.transfer.relay import Measured, Source
from bot.store.tables import DeliveryRow
from tests.patience import PATIENCE_SECONDS
from tests.recordings.references.test_agents import AGENTS, CALL

SOURCE = Source("T1", AGENTS["default"], CALL, Direction.COMBINED, raw=True)
TEXT = b"Caller: yes\n"
DELIVERY = delivery_of(
    DeliveryRow(
        id="d1",
        kind="audio",
        direction="combined",
        state="decided",
        outcome="raw",
        conversation_id=CALL,
    )
)


class UploadingSetup:
    """PolyAI, Slack and the drawing of pictures in one; records its calls."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.announced = asyncio.Event()
        self.place_given = asyncio.Event()
        self.refusal: CallAudioError | None = None
        self.rounds = 1
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
        self.place_given.set()
        if self.refusal:
            raise self.refusal
        return UploadTicket(f"F{self.said.count('announced')}", SecretStr("https://a.b/c"))

    async def send(self, ticket, _file, chunks) -> None:
        self.said.append(f"{ticket.file_id}: {b''.join([each async for each in chunks])!r}")

    @asynccontextmanager
    async def fetched(self, _source):
        yield TEXT

    async def fetch(self, source, begin) -> None:
        assert await source.facts() == CallFacts(CALL)
        for size in range(100, 100 + self.rounds):
            async with begin(Measured(size, 1.0)) as upload:
                assert len(upload.watchers) == 2

    def begin(self, *what):
        if len(what) == 2 and isinstance(what[1], str):
            return lambda: asyncio.sleep(0, CallFacts(CALL))
        return asyncio.sleep(0, self)

    def see(self, _piece) -> None:
        """Watch the bytes for a picture."""

    async def drop(self) -> None:
        self.picture_drops += 1

    @asynccontextmanager
    async def shown(self, of_delivery, _size):
        assert of_delivery.card_ts == "9.0"
        yield lambda _piece: None


def uploading(setup: UploadingSetup) -> Uploading:
    return Uploading(
        relay=setup, transcripts=setup, slack=setup, progress=setup, pictures=setup, calls=setup
    )


async def test_the_upload_url_is_requested_while_the_card_is_posted():
    setup = UploadingSetup()
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with uploading(setup).transcript(DELIVERY, SOURCE, setup.announce) as upload:
            assert upload.measured == Measured(len(TEXT), None)
    assert setup.said[:2] in (
        ["announce", f"place for {len(TEXT)}"],
        [f"place for {len(TEXT)}", "announce"],
    )
    assert setup.said[-1].endswith(repr(TEXT))


async def test_posting_the_card_is_not_cancelled_by_a_refused_upload():
    setup = UploadingSetup()
    setup.refusal = CallAudioError(what="no room")
    with pytest.raises(CallAudioError, match="no room"):
        async with uploading(setup).transcript(DELIVERY, SOURCE, setup.announce):
            pass
    assert setup.announced.is_set()


async def test_every_begun_picture_is_dropped_and_the_last_upload_counts():
    setup = UploadingSetup()
    setup.rounds = 2  # the size in its header was wrong
    async with uploading(setup).recording(DELIVERY, SOURCE, setup.announce) as upload:
        assert upload.measured.size_bytes == 101
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
