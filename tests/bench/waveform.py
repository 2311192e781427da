"""The cost of a waveform: the relay with and without one, in turn, on the same 1 GiB."""

from typing import Final

from bot.recordings.waveform.drawing import draw
from bot.recordings.waveform.scan import WaveformScan
from tests.bench.relay import in_turns, relaying, source_of, upload_of
from tests.bench.rows import OURS, Row, medians
from tests.bench.standins import stand_ins

WITHOUT: Final = "without"


async def run() -> list[Row]:
    """Measure both."""
    with stand_ins() as where:
        async with relaying(where) as (relay, gateway):

            async def without(call: str) -> None:
                await relay.fetch(source_of(where, call), upload_of(gateway))

            async def drawn(call: str) -> None:
                scan = WaveformScan()
                await relay.fetch(source_of(where, call), upload_of(gateway, [scan.feed]))
                outline = scan.finish()
                assert outline
                draw(outline, None)

            rounds = await in_turns({WITHOUT: without, OURS: drawn})
    # The relay without one is faster, so the goal of 0.9 is 1.11 in this direction.
    return [
        Row("relay, waveform drawn as well", "MB/s", medians(rounds, "rate")),
        Row("its processor time", "s", medians(rounds, "spent"), "x 1.11"),
        Row("its memory", "MiB", medians(rounds, "grown")),
    ]
