"""A recording of 1 GiB from PolyAI to Slack: throughput and memory, next to a bare relay."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import SecretStr

from bot.cli.stage import AGENT_ID, PLAIN_KEY, RAW_KEY
from bot.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.payloads import Direction
from bot.polyai.transport import build_http_client
from bot.recordings.exact_body import Watcher
from bot.recordings.relay import Begin, Measured, Outgoing, Relay, Source
from bot.recordings.slack_port import NewFile
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.api import SlackApi, build_client
from bot.wiring.clock import utc_now
from tests.bench.standins import CALLS, CHUNKED, LARGE, WARM_UP, StandIns, stand_ins

MIB: Final = 2**20
ALLOWED_GROWTH_MIB: Final = 32


async def run() -> None:
    """Measure both relays on the same bytes."""
    with stand_ins() as where:
        async with (
            aiohttp.ClientSession() as session,
            build_http_client(max_connections=8) as http,
        ):
            api = SlackApi(build_client(where.bot_token, where.slack_url, session))
            gateway = SlackGateway(api, http)
            relay = Relay(
                polyai=PolyAIClient(http, clock=utc_now),
                gateway=gateway,
                metrics=Metrics(),
                max_bytes=2**31,
                max_concurrent=8,
            )

            async def product(conversation_id: str) -> None:
                source = Source(
                    team_id="T0BENCH000",
                    agent=agent(where),
                    conversation_id=conversation_id,
                    direction=Direction.COMBINED,
                    raw=False,
                )
                await relay.fetch(source, upload_of(gateway))

            async def bare(conversation_id: str) -> None:
                size, _ = CALLS[conversation_id]
                ticket = await gateway.start_upload(NewFile("call-redacted.wav", size))
                await bare_relay(session, where, conversation_id, size, ticket.url)

            for warm_up in (product, bare):
                await warm_up(WARM_UP)
            files_before = open_files_and_temporary()
            plain = await measure("a bare aiohttp relay", bare, LARGE)
            ours = await measure("the product's relay", product, LARGE)
            print(f"  product / bare: {ours / plain:.2f}")
            counted = await measure("without sizes, counted first", product, CHUNKED)
            print(f"  counted first / sizes known: {counted / ours:.2f} (it is read twice)")
            new = open_files_and_temporary() - files_before
            print(f"  files created: {sorted(new) or 'none'}")


def upload_of(gateway: SlackGateway, watchers: Sequence[Watcher] = ()) -> Begin:
    """Begin an upload as a delivery does, with nothing around it."""

    @asynccontextmanager
    async def begin(measured: Measured) -> AsyncIterator[Outgoing]:
        file = NewFile("call-redacted.wav", measured.size_bytes)
        yield Outgoing(await gateway.start_upload(file), file, watchers)

    return begin


async def measure(
    name: str,
    relay: Callable[[str], Awaitable[None]],
    call: str,
    allowed_mib: int = ALLOWED_GROWTH_MIB,
) -> float:
    """Relay one call and print throughput and growth; gives MB/s."""
    size, _ = CALLS[call]
    before, most = resident(), 0
    done = asyncio.Event()

    async def watch() -> int:
        peak = 0
        while not done.is_set():
            peak = max(peak, resident())
            await asyncio.sleep(0.02)
        return peak

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await relay(call)
    seconds = time.perf_counter() - began
    done.set()
    most = await watching
    growth = max(0, most - before) / MIB
    verdict = "PASS" if growth <= allowed_mib else "FAIL"
    rate = size / seconds / 1e6
    print(
        f"  {name}: {size // MIB} MiB in {seconds:.1f} s, {rate:.0f} MB/s,"
        f" resident +{growth:.1f} MiB ({verdict}: at most {allowed_mib})",
        flush=True,
    )
    return rate


async def bare_relay(
    session: aiohttp.ClientSession, where: StandIns, call: str, size: int, upload_url: SecretStr
) -> None:
    """Move the bytes with nothing around them."""
    url = f"{where.polyai_url}/v1/agents/{AGENT_ID}/conversations/{call}/audio?redacted=true"
    headers = {"x-api-key": PLAIN_KEY, "Accept": "audio/wav"}
    async with session.get(url, headers=headers) as recording:
        upload_headers = {
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
        }
        chunks = recording.content.iter_any()
        async with session.post(
            upload_url.get_secret_value(), data=chunks, headers=upload_headers
        ) as answer:
            assert await answer.text() == f"OK - {size}"


def agent(where: StandIns) -> Agent:
    """The default agent, at the stand-in."""
    return Agent(
        name="default",
        agent_id=AGENT_ID,
        region="us",
        base_url=where.polyai_url,
        api_key=SecretStr(PLAIN_KEY),
        pii_api_key=SecretStr(RAW_KEY),
    )


def resident() -> int:
    """Resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files_and_temporary() -> set[str]:
    """Regular files this process holds open, and what lies in the temporary folder."""
    held = set()
    for link in Path("/proc/self/fd").iterdir():
        target = Path(os.path.realpath(link))
        if target.is_file():
            held.add(str(target))
    return held | {str(path) for path in Path(tempfile.gettempdir()).glob("*.wav")}
