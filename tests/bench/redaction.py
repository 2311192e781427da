"""The cost of a redaction check of 1 GiB, compared with its relay."""

from typing import Any, Final, cast

from bot.observability.metrics import Metrics
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.transport import build_http_client
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.checking import RedactionChecks
from bot.wiring.clock import utc_now
from tests.bench.relay import agent, in_turns, relaying, source_of, upload_of
from tests.bench.rows import OURS, Row, medians
from tests.bench.standins import CALLS, LARGE, MIB, stand_ins

ALONE: Final = "plain relay"


class _Unwritten:
    """Replaces the store, whose one event for each check is not measured."""

    async def note_raw_requested(self, check: object) -> None:
        del check


async def run() -> list[Row]:
    """Measure both."""
    with stand_ins() as where:
        async with (
            relaying(where) as (relay, gateway),
            build_http_client(max_connections=8) as http,
        ):
            checks = RedactionChecks(
                store=cast("CheckStore", cast("Any", _Unwritten())),
                polyai=PolyAIClient(HttpGet(http, clock=utc_now)),
                agents={"default": agent(where)},
                metrics=Metrics(),
            )

            async def alone(call: str) -> None:
                await relay.fetch(source_of(where, call), upload_of(gateway))

            async def checked(call: str) -> None:
                check = Check("T0BENCH000", CheckCause.DELIVER, "default", call)
                found = await checks.compare(check)
                assert found.verdict is Verdict.PROVEN, found

            rounds = await in_turns({ALONE: alone, OURS: checked})
    size = CALLS[LARGE][0] // MIB
    return [
        Row(f"{size} MiB held against the raw one", "MB/s", medians(rounds, "rate")),
        Row("its processor time", "s", medians(rounds, "spent")),
        Row("its memory", "MiB", medians(rounds, "grown"), "flat"),
    ]
