"""The workflow: the order of its steps, its ends, and which failures are retried."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from bot.access.policy import Outcome
from bot.errors import CallAudioError, Unexpected
from bot.jobs.delivery_workflow import MAX_ROUNDS, DeliveryWorkflow, NotPostable
from bot.jobs.retry_rule import RetryRule
from bot.recordings.deliveries.delivery import Problem, State
from bot.recordings.steps.share_attempts import ShareResult
from bot.store.due_work import Due
from tests.conftest import NOON
from tests.tables import each_row

RULE = RetryRule(attempts=3, first_wait_seconds=1, max_wait_seconds=60, max_asked_seconds=900)


class Refusing(CallAudioError):
    code = "refusing"
    what = "It cannot be done."


class Busy(Refusing):
    code = "busy"
    retryable = True


class Play:
    """Steps and completion that return given results, and record that they ran."""

    def __init__(self, **script: list[Any]) -> None:
        self.script = {name: list(results) for name, results in script.items()}
        self.ran: list[str] = []
        self.told: Problem | None = None
        self.waiting: list[tuple[str, int]] = []

    async def notify_end(self, delivery_id: str) -> datetime | None:
        assert delivery_id == "d1"
        self.ran.append("tell")
        results = self.script.get("tell")
        return results.pop(0) if results else None

    async def give_up(self, delivery_id: str, code: str) -> None:
        assert delivery_id == "d1"
        self.ran.append(f"tell no more: {code}")

    async def notify_waiting(self, delivery_id: str, problem: Problem, tries: int) -> None:
        assert delivery_id == "d1"
        self.waiting.append((problem.code, tries))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in USUAL:
            raise AttributeError(name)

        async def act(delivery: Any, problem: Any = None, *, was_shared: bool | None = None) -> Any:
            assert delivery == "d1" or delivery.id == "d1"
            self.ran.append("confirm unclear" if was_shared is False else name)
            self.told = problem or self.told
            results = self.script.get(name)
            result = results.pop(0) if results else USUAL[name]
            if isinstance(result, Exception):
                raise result
            return result

        return act


def delivery(outcome: Outcome | None, *, has_ended: bool = False) -> Any:
    return SimpleNamespace(id="d1", outcome=outcome, has_ended=has_ended)


RAW, REDACTED, REFUSED = (delivery(each) for each in Outcome)
USUAL = {
    "begin": delivery(None),
    "decide": (RAW, None),
    "upload": (RAW, None),
    "share": ShareResult.SHARED,
    "confirm": State.DELIVERED,
    "refuse": None,
    "fail": None,
}
BEGIN, ROUND, END = ["begin", "decide"], ["upload", "share"], ["confirm", "tell"]
FAIL = ["fail", "tell"]


def workflow_of(play: Play, rule: RetryRule = RULE) -> DeliveryWorkflow:
    return DeliveryWorkflow(
        steps=play, completion=play, notification=play, retry=rule, clock=lambda: NOON
    )


async def run(play: Play, tries: int = 0, rule: RetryRule = RULE) -> datetime | None:
    due = Due("deliver", "d1", tries, "c1", 0, was_held=False)
    return await workflow_of(play, rule).run(due)


@each_row(
    ("script", "ran", "told"),
    [
        pytest.param({}, [*BEGIN, *ROUND, *END], None, id="shared at once"),
        pytest.param(
            {"share": [ShareResult.UNCLEAR]}, [*BEGIN, *ROUND, "confirm unclear", "tell"], None,
            id="perhaps shared: it is not shared again",
        ),
        pytest.param(
            {"share": [ShareResult.GONE]}, [*BEGIN, *ROUND, "begin", *ROUND, *END], None,
            id="the upload is gone",
        ),
        pytest.param(
            {"share": [ShareResult.TIGHTENED]}, [*BEGIN, *ROUND, "begin", *ROUND, *END], None,
            id="the decision is stricter by now",
        ),
        pytest.param(
            {"share": [ShareResult.TIGHTENED], "begin": [USUAL["begin"], REFUSED]},
            [*BEGIN, *ROUND, "begin", "refuse", "tell"], None,
            id="refused by now",
        ),
        pytest.param(
            {"share": [ShareResult.TIGHTENED] * MAX_ROUNDS},
            [*BEGIN, *[*ROUND, "begin"] * MAX_ROUNDS, "fail", "tell"], NotPostable(),
            id="stricter again and again",
        ),
        pytest.param({"decide": [(REFUSED, None)]}, [*BEGIN, "refuse", "tell"], None, id="refused"),
        pytest.param(
            {"begin": [delivery(RAW.outcome, has_ended=True)]}, ["begin", "tell"], None,
            id="it had ended: only the note is left",
        ),
        pytest.param({"decide": [Refusing()]}, [*BEGIN, *FAIL], Refusing(), id="no decision"),
        pytest.param(
            {"upload": [Refusing()]}, [*BEGIN, "upload", *FAIL], Refusing(), id="no upload"
        ),
        pytest.param({"share": [Refusing()]}, [*BEGIN, *ROUND, *FAIL], Refusing(), id="no share"),
        pytest.param(
            {"confirm": [Refusing()]}, [*BEGIN, *ROUND, "confirm", *FAIL], Refusing(),
            id="it cannot be looked for",
        ),
        pytest.param(
            {"upload": [ZeroDivisionError("xoxb-secret")]}, [*BEGIN, "upload", *FAIL], Unexpected(),
            id="a bug",
        ),
        pytest.param(
            {"upload": [IntegrityError("INSERT", {}, Exception("not unique"))]},
            [*BEGIN, "upload", *FAIL], Unexpected(),
            id="a refused statement, which would be refused again",
        ),
    ],
)  # fmt: skip
async def test_the_steps_run_in_order_to_an_end_that_the_requester_is_notified_of(
    script, ran, told
):
    play = Play(**script)
    assert await run(play) is None
    assert play.ran == ran
    assert play.told == (Problem.of(told) if told else None)
    assert "xoxb-secret" not in repr(play.told)
    assert play.waiting == []


async def test_a_note_that_could_not_be_sent_keeps_the_work_due():
    assert await run(Play(tell=[NOON])) == NOON


@each_row("step", ["decide", *ROUND, "confirm"])
async def test_a_temporary_failure_is_retried_and_shown_as_waiting(step):
    play = Play(**{step: [Busy()]})

    again_at = await run(play, tries=1)

    assert again_at
    assert again_at > NOON
    assert play.ran[-1] == step
    assert play.waiting == [("busy", 1)]
    assert await run(play, tries=2) is None
    assert play.ran[-2:] == ["confirm", "tell"]


async def test_after_the_last_try_the_delivery_fails_with_the_last_error():
    play = Play(upload=[Busy()])

    assert await run(play, tries=2) is None

    assert play.ran[-2:] == ["fail", "tell"]
    assert play.told == Problem.of(Busy())


@each_row("step", ["begin", "upload", "share", "confirm", "fail"])
async def test_an_unavailable_database_does_not_fail_the_delivery(step):
    away = OperationalError("SELECT", {}, Exception("server closed the connection"))
    play = Play(**{step: [away]}, decide=[Refusing()] if step == "fail" else [])

    with pytest.raises(OperationalError):
        await run(play)

    assert play.ran[-1] == step


def test_waits_double_and_last_a_quarter_of_an_hour_in_total():
    rule = RetryRule()
    waits = []
    for tries in range(30):
        again_at = rule.again_at(Busy(), tries, NOON)
        if again_at is None:
            break
        waits.append((again_at - NOON).total_seconds())

    assert timedelta(minutes=10) < timedelta(seconds=sum(waits)) < timedelta(minutes=20)
    assert 0.5 < waits[0] < 1.5
    assert max(waits) <= 75
    for shorter, longer in itertools.pairwise(waits[:6]):
        assert longer > shorter


@each_row(("asked", "waits"), [(5, True), (600, True), (901, False)])
def test_a_retry_after_is_respected_unless_it_is_too_long(asked, waits):
    again_at = RetryRule().again_at(Busy(retry_after_seconds=asked), 0, NOON)

    assert again_at == (NOON + timedelta(seconds=asked) if waits else None)


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Do not format logs: formatting a traceback takes seconds."""
    with capture_logs():
        yield


@each_row(
    ("has_ended", "ran"),
    [
        pytest.param(False, ["begin", "fail", "tell"], id="it fails in words"),
        pytest.param(True, ["begin", "tell no more: worker_died"], id="telling it is given up too"),
    ],
)
async def test_a_delivery_that_kills_its_workers_fails(has_ended, ran):
    play = Play(begin=[delivery(RAW.outcome, has_ended=has_ended)])
    due = Due("deliver", "d1", 0, "c1", 0, was_held=True, takeovers=8)

    assert await workflow_of(play).give_up(due) is None

    assert play.ran == ran
    assert play.told is None or play.told.code == "worker_died"
