"""A recording of 1 GiB from PolyAI to Slack: speed and memory, compared with other ways."""

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import SecretStr

from bot.cli.stage import AGENT_ID, PLAIN_KEY, RAW_KEY
from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.payloads import Direction
from bot.polyai.transport import build_http_client
from bot.recordings.deliveries.slack_port import NewFile
from bot.recordings.transfer.exact_body import Watcher
from bot.recordings.transfer.relay import Begin, Measured, Outgoing, Relay, Source
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.api import SlackApi, build_client
from bot.wiring.clock import utc_now
from tests.bench.rows import OURS, ROUNDS, Row, medians
from tests.bench.standins import CALLS, CHUNKED, LARGE, WARM_UP, StandIns, stand_ins

MIB: Final = 2**20


Move = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def relaying(where: StandIns) -> AsyncIterator[tuple[Relay, SlackGateway]]:
    """Build the product's relay and its way to Slack, as a worker does."""
    async with aiohttp.ClientSession() as session, build_http_client(max_connections=8) as http:
        gateway = SlackGateway(
            SlackApi(build_client(where.bot_token, where.slack_url, session)), http
        )
        relay = Relay(
            polyai=PolyAIClient(HttpGet(http, clock=utc_now)),
            slack=gateway,
            metrics=Metrics(),
            max_bytes=2**31,
            max_concurrent=8,
        )
        yield relay, gateway


async def run() -> list[Row]:
    """Move the same recording in each way, in turns."""
    with stand_ins() as where:
        async with relaying(where) as (relay, gateway), aiohttp.ClientSession() as session:

            async def product(call: str) -> None:
                await relay.fetch(source_of(where, call), upload_of(gateway))

            async def upload_url(call: str) -> str:
                file = NewFile("call-redacted.wav", CALLS[call][0])
                return (await gateway.start_upload(file)).url.get_secret_value()

            async def bare(call: str) -> None:
                await bare_relay(session, where, call, await upload_url(call))

            async def piped(call: str) -> None:
                await curl_relay(where, call, await upload_url(call))

            async def whole(call: str) -> None:
                await sdk_relay(where, call)

            ways: dict[str, Move] = {
                OURS: product,
                "bare aiohttp": bare,
                "curl | curl": piped,
                "files_upload_v2": whole,
            }
            files_before = open_files_and_temporary()
            rounds = await in_turns(ways)
            counted = [await measure(product, CHUNKED) for _ in range(ROUNDS)]
            print(f"  files created: {sorted(open_files_and_temporary() - files_before) or 'none'}")
    size = CALLS[LARGE][0] // MIB
    both = (OURS, "bare aiohttp")  # the others' memory is not this process's
    grown = {name: told for name, told in rounds.items() if name in both}
    return [
        Row(f"relay, {size} MiB", "MB/s", medians(rounds, "rate"), "x 0.9 of bare, x 2.5 of v2"),
        Row("resident memory more", "MiB", medians(grown, "grown"), "flat"),
        Row("the same counted first, read twice", "MB/s", medians({OURS: counted}, "rate")),
    ]


def source_of(where: StandIns, call: str) -> Source:
    """Name a recording at the stand-in."""
    return Source(
        team_id="T0BENCH000",
        agent=agent(where),
        conversation_id=call,
        direction=Direction.COMBINED,
        raw=False,
    )


def upload_of(gateway: SlackGateway, watchers: Sequence[Watcher] = ()) -> Begin:
    """Begin an upload as a delivery does, without its other steps."""

    @asynccontextmanager
    async def begin(measured: Measured) -> AsyncIterator[Outgoing]:
        file = NewFile("call-redacted.wav", measured.size_bytes)
        yield Outgoing(await gateway.start_upload(file), file, watchers)

    return begin


async def in_turns(ways: dict[str, Move]) -> dict[str, list[dict[str, float]]]:
    """Alternate the ways, so that other load on the machine affects all of them equally."""
    for way in ways.values():
        await way(WARM_UP)  # what it needs is loaded here, once
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            gc.collect()
            rounds[name].append(await measure(way, LARGE))
    return rounds


async def measure(move: Move, call: str) -> dict[str, float]:
    """Move one recording; returns MB/s, processor seconds, and the growth of memory in MiB."""
    before, done = resident(), asyncio.Event()

    async def watch() -> int:
        peak = 0
        while not done.is_set():
            peak = max(peak, resident())
            await asyncio.sleep(0.02)
        return peak

    watching = asyncio.create_task(watch())
    began, spent = time.perf_counter(), time.process_time()
    await move(call)
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    done.set()
    grown = max(0, await watching - before) / MIB
    return {"rate": CALLS[call][0] / seconds / 1e6, "spent": spent, "grown": grown}


def audio_url(where: StandIns, call: str) -> str:
    """Build the URL of the recording."""
    return f"{where.polyai_url}/v1/agents/{AGENT_ID}/conversations/{call}/audio?redacted=true"


async def bare_relay(
    session: aiohttp.ClientSession, where: StandIns, call: str, upload_url: str
) -> None:
    """Move the bytes with aiohttp only."""
    size, _ = CALLS[call]
    headers = {"x-api-key": PLAIN_KEY, "Accept": "audio/wav"}
    async with session.get(audio_url(where, call), headers=headers) as recording:
        upload_headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        chunks = recording.content.iter_any()
        async with session.post(upload_url, data=chunks, headers=upload_headers) as answer:
            assert await answer.text() == f"OK - {size}"


async def curl_relay(where: StandIns, call: str, upload_url: str) -> None:
    """Move the bytes with two programs and a pipe between them."""
    size, _ = CALLS[call]
    fetch = ["curl", "-sSf", "-H", f"x-api-key: {PLAIN_KEY}", "-H", "Accept: audio/wav"]
    send = ["curl", "-sSf", "-X", "POST", "-T", "-", "-H", "Transfer-Encoding:"]
    send += ["-H", f"Content-Length: {size}", "-H", "Content-Type: application/octet-stream"]

    def piped() -> str:
        with subprocess.Popen([*fetch, audio_url(where, call)], stdout=subprocess.PIPE) as fetching:
            told = subprocess.check_output([*send, upload_url], stdin=fetching.stdout, text=True)
        return str(told)

    told = await asyncio.to_thread(piped)
    assert told == f"OK - {size}"


async def sdk_relay(where: StandIns, call: str) -> None:
    """Move it with the SDK in another process, which holds the whole recording."""
    command = [sys.executable, "-m", "tests.bench.whole", audio_url(where, call)]
    await asyncio.to_thread(
        subprocess.run, [*command, where.slack_url, where.bot_token], check=True
    )


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
    """The open regular files of this process, and the content of the temporary folder."""
    held = set()
    for link in Path("/proc/self/fd").iterdir():
        target = Path(os.path.realpath(link))
        if target.is_file():
            held.add(str(target))
    return held | {str(path) for path in Path(tempfile.gettempdir()).glob("*.wav")}
