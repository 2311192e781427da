"""How a canary check reads PolyAI's answers: only a repeated leak freezes deliveries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import cast

import httpx
import pytest
from tenacity.wait import wait_none

from bot.network import retry
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.recordings.redaction.canary import CanaryCheck, canary_of
from bot.recordings.redaction.canary_store import CanaryResult, CanaryStore, CanaryVerdict
from bot.sandbox import recordings
from bot.store.due_work import Due
from tests.access.outside import AGENT
from tests.conftest import NOON
from tests.tables import each_row

RAW, REDACTED = (recordings.load("combined", redacted=each) for each in (False, True))
MUTED = [at for at in range(44, len(RAW)) if RAW[at] != REDACTED[at]]
FIRST, LAST = ((at - 44) / 16_000 for at in (MUTED[0], MUTED[-1]))
CANARY = f"CA{'c0ffee00' * 4}@0:{FIRST + 0.05:06.3f}-0:{LAST - 0.05:06.3f}"
TEAM = "T0CALLAUDIO"
HELD, BROKEN, INCONCLUSIVE = CanaryVerdict.HELD, CanaryVerdict.BROKEN, CanaryVerdict.INCONCLUSIVE

Answer = Callable[[bool, int], httpx.Response]
"""By whether redacted was asked for, and how many answers there were before."""


@pytest.fixture(autouse=True)
def _tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF", wait_none())


def wav_headers(body: bytes) -> dict[str, str]:
    return {"content-type": "audio/wav", "content-length": str(len(body))}


def audio(body: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(body), headers=wav_headers(body))


def altered(at: int) -> bytes:
    return REDACTED[:at] + bytes([REDACTED[at] ^ 1]) + REDACTED[at + 1 :]


def plain_brings(body: bytes) -> Answer:
    """Set the answer of every request with ``redacted=false``."""
    return lambda is_redacted, _: audio(REDACTED if is_redacted else body)


def cut(_redacted: bool, _number: int) -> httpx.Response:
    async def half() -> AsyncIterator[bytes]:
        yield REDACTED[: len(REDACTED) // 2]
        raise httpx.ReadError("cut")

    return httpx.Response(200, content=half(), headers=wav_headers(REDACTED))


def busy(status: int) -> Answer:
    return lambda *_: httpx.Response(status, stream=httpx.ByteStream(b"{}"))


def then(first: Answer, later: Answer) -> Answer:
    return lambda redacted, number: (first if number == 0 else later)(redacted, number)


def check_of(answer: Answer, *, slow_seconds: float = 0, **changes: object) -> CanaryCheck:
    asked: list[bool] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(slow_seconds)
        asked.append(request.url.params["redacted"] == "true")
        assert AGENT.api_key.get_secret_value() in str(list(request.headers.values()))
        return answer(asked[-1], len(asked) - 1)

    async def home() -> str:
        return TEAM

    http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    usual = {"store": cast("CanaryStore", None), "longest_seconds": 30.0}
    return CanaryCheck(
        canary=canary_of(CANARY),
        polyai=PolyAIClient(HttpGet(http, clock=lambda: NOON)),
        agents={AGENT.name: AGENT},
        home_team=home,
        **{**usual, **changes},
    )


async def looked(check: CanaryCheck) -> CanaryResult:
    canary = canary_of(CANARY)
    assert canary
    return await check.check(canary)


@each_row(
    ("answer", "verdict", "found"),
    [
        pytest.param(plain_brings(REDACTED), HELD, None, id="both are the same bytes"),
        pytest.param(plain_brings(RAW), BROKEN, "answers_differ", id="raw without redacted"),
        pytest.param(plain_brings(altered(5000)), BROKEN, "answers_differ", id="one byte of sound"),
        pytest.param(plain_brings(altered(30)), BROKEN, "answers_differ", id="one byte of header"),
        pytest.param(plain_brings(REDACTED + b"\0"), BROKEN, "answers_differ", id="one byte more"),
        pytest.param(lambda *_: audio(RAW), BROKEN, "span_heard", id="raw whatever is asked"),
        pytest.param(
            lambda _, number: audio(altered(5000 + number)),
            INCONCLUSIVE,
            "unsteady",
            id="another recording each time",
        ),
        pytest.param(cut, INCONCLUSIVE, "recording_cut_short", id="cut"),
        pytest.param(
            then(plain_brings(REDACTED), cut), INCONCLUSIVE, "recording_cut_short", id="then cut"
        ),
        *(
            pytest.param(busy(status), INCONCLUSIVE, None, id=str(status))
            for status in (401, 403, 404, 408, 429, 500, 502, 503, 504)
        ),
        *(
            pytest.param(
                then(plain_brings(REDACTED), busy(status)), INCONCLUSIVE, None, id=f"then {status}"
            )
            for status in (429, 500, 503)
        ),
    ],
)
async def test_each_sequence_of_answers_has_its_finding(answer, verdict, found):
    result = await looked(check_of(answer))
    assert result.verdict is verdict
    if found:
        assert result.found == found


async def test_answers_that_are_too_slow_give_no_finding():
    check = check_of(plain_brings(RAW), slow_seconds=5, longest_seconds=0.05)
    assert await looked(check) == CanaryResult(INCONCLUSIVE, "too_slow")


@pytest.mark.parametrize(
    ("answer", "again_after", "is_frozen"),
    [
        pytest.param(plain_brings(REDACTED), timedelta(hours=1), False, id="held"),
        pytest.param(plain_brings(RAW), timedelta(hours=1), True, id="broken"),
        pytest.param(busy(404), timedelta(minutes=5), False, id="cannot tell"),
    ],
)
async def test_the_next_check_follows_within_a_period_and_sooner_without_a_finding(
    sqlite_store, answer, again_after, is_frozen
):
    store = CanaryStore(database=sqlite_store, clock=lambda: NOON)
    due = Due("check_canary", "canary", 0, "w", 0, was_held=False)
    assert await check_of(answer, store=store).run(due) == NOON + again_after
    (state,) = await store.read()
    assert (state.frozen_at is not None) is is_frozen
