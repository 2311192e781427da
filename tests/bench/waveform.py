"""What a waveform costs: the relay with and without one, turn by turn on the same 1 GiB."""

import gc
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final

import aiohttp

from bot.metrics import Metrics
from bot.polyai.client import PolyAIClient
from bot.polyai.payloads import Direction
from bot.polyai.transport import build_http_client
from bot.recordings.exact_body import Watcher
from bot.recordings.relay import Relay, Source
from bot.recordings.waveform.drawing import draw
from bot.recordings.waveform.scan import WaveformScan
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.api import SlackApi, build_client
from bot.wiring.clock import utc_now
from tests.bench.relay import agent, measure, upload_of
from tests.bench.standins import LARGE, WARM_UP, stand_ins

ROUNDS: Final = 3
ALLOWED_MIB: Final = 16
BUDGET: Final = 0.85


async def run() -> None:
    """Alternate the two, so that what else the machine does hits both alike."""
    with stand_ins() as where:
        async with (
            aiohttp.ClientSession() as session,
            build_http_client(max_connections=8) as http,
        ):
            posting = SlackGateway(
                SlackApi(build_client(where.bot_token, where.slack_url, session)), http
            )
            relay = Relay(
                polyai=PolyAIClient(http, clock=utc_now),
                slack=posting,
                metrics=Metrics(),
                max_bytes=2**31,
                max_concurrent=8,
            )

            async def move(conversation_id: str, watchers: list[Watcher]) -> None:
                source = Source(
                    team_id="T0BENCH000",
                    agent=agent(where),
                    conversation_id=conversation_id,
                    direction=Direction.COMBINED,
                    raw=False,
                )
                await relay.fetch(source, upload_of(posting, watchers))

            async def without(conversation_id: str) -> None:
                await move(conversation_id, [])

            async def watched(conversation_id: str) -> None:
                scan = WaveformScan()
                await move(conversation_id, [scan.feed])
                outline = scan.finish()
                assert outline
                began = time.perf_counter()
                draw(outline, None)
                drawing_seconds.append(time.perf_counter() - began)

            drawing_seconds: list[float] = []
            for warm_up in (without, watched):  # numpy is loaded here, once
                await warm_up(WARM_UP)
            await _alternate(without, watched)
            print(f"  of that drawing: {median(drawing_seconds):.2f} s, once a recording")


async def _alternate(
    without: Callable[[str], Awaitable[None]], watched: Callable[[str], Awaitable[None]]
) -> None:
    ratios, shares = [], []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        plain = await measure("without a waveform", without, LARGE)
        between = time.process_time()
        drawn = await measure("with it, drawing included", watched, LARGE, ALLOWED_MIB)
        ratios.append(drawn / plain)
        shares.append((between - began) / (time.process_time() - between))
    told = f"{', '.join(f'{ratio:.2f}' for ratio in ratios)}; median {median(ratios):.2f}"
    verdict = "PASS" if median(ratios) >= BUDGET else "FAIL"
    print(f"  throughput, with / without: {told} ({verdict}: at least {BUDGET})")
    print(f"  the same by processor time, which is steadier: {median(shares):.2f}")
