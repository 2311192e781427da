"""The workflow: the order of its steps, its ends, and that a replay runs nothing twice."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from bot.errors import CallAudioError, Unexpected
from bot.jobs.workflow import MAX_ROUNDS, DeliveryWorkflow, RetryRule
from bot.recordings.posting import Problem


class Refusing(CallAudioError):
    code = "refusing"
    what = "It cannot be done."


class Busy(Refusing):
    code = "busy"
    retryable = True


class Journal:
    """Keeps what steps gave, in order, and gives it back on the next run."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Any]] = []
        self._at = 0

    async def run_step(self, name: str, step: Callable[[], Awaitable[Any]]) -> Any:
        if self._at == len(self.kept):
            self.kept.append((name, await step()))
        kept_name, result = self.kept[self._at]
        assert kept_name == name, "a replay must ask for the same steps in the same order"
        self._at += 1
        return result

    def rewind(self, keep: int | None = None) -> None:
        """Start anew as after a kill, with the first ``keep`` results kept."""
        self.kept = self.kept[:keep]
        self._at = 0

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.kept]


class Play:
    """Steps and endings that give what they are told to, and note that they ran."""

    def __init__(self, **script: list[Any]) -> None:
        self.script = {name: list(results) for name, results in script.items()}
        self.ran: list[str] = []
        self.told: Problem | None = None

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in USUAL:
            raise AttributeError(name)

        async def act(delivery_id: str, problem: Problem | None = None) -> Any:
            assert delivery_id == "d1"
            self.ran.append(name)
            self.told = problem or self.told
            results = self.script.get(name)
            result = results.pop(0) if results else USUAL[name]
            if isinstance(result, Exception):
                raise result
            return result

        return act


USUAL = {
    "resolve": "C1",
    "decide": "raw",
    "open": 1000,
    "announce": "1.0",
    "upload": "F1",
    "share": "shared",
    "outcome": "redacted",
    "confirm": "delivered",
    "refuse": "refused",
    "tell": "delivered",
    "fail": "failed",
}
ROUND = ["open", "announce", "upload", "share"]


def workflow(play: Play, journal: Journal, waits: list[float] | None = None) -> DeliveryWorkflow:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    return DeliveryWorkflow(
        steps=play,  # type: ignore[arg-type]
        endings=play,  # type: ignore[arg-type]
        run_step=journal.run_step,
        retry=RetryRule(attempts=3, max_wait_seconds=4),
        sleep=sleep,
    )


async def test_a_recording_goes_through_its_steps_in_order() -> None:
    play, journal = Play(), Journal()

    assert await workflow(play, journal).run("d1") == "delivered"

    assert play.ran == ["resolve", "decide", *ROUND, "confirm", "tell"]


async def test_a_share_in_doubt_is_confirmed_and_never_repeated_by_the_workflow() -> None:
    play = Play(share=["unclear"], tell=["unconfirmed"])

    assert await workflow(play, Journal()).run("d1") == "unconfirmed"

    assert play.ran == ["resolve", "decide", *ROUND, "confirm", "tell"]


async def test_a_refusal_posts_nothing() -> None:
    play = Play(decide=["refused"], tell=["refused"])

    assert await workflow(play, Journal()).run("d1") == "refused"

    assert play.ran == ["resolve", "decide", "refuse", "tell"]


@pytest.mark.parametrize("turn", ["tightened", "gone"])
async def test_what_could_not_be_shared_is_opened_and_uploaded_anew(turn: str) -> None:
    play = Play(share=[turn])

    assert await workflow(play, Journal()).run("d1") == "delivered"

    assert play.ran == ["resolve", "decide", *ROUND, "outcome", *ROUND, "confirm", "tell"]


async def test_tightened_to_refused_ends_as_refused() -> None:
    play = Play(share=["tightened"], outcome=["refused"], tell=["refused"])

    assert await workflow(play, Journal()).run("d1") == "refused"

    assert play.ran == ["resolve", "decide", *ROUND, "outcome", "refuse", "tell"]


async def test_what_changes_for_ever_ends_in_words() -> None:
    play = Play(share=["tightened"] * MAX_ROUNDS)

    assert await workflow(play, Journal()).run("d1") == "failed"

    assert play.ran.count("upload") == MAX_ROUNDS
    assert play.told
    assert play.told.code == "not_postable"


@pytest.mark.parametrize("step", ["resolve", "decide", *ROUND, "confirm"])
async def test_a_step_that_fails_for_good_ends_in_its_words(step: str) -> None:
    play = Play(**{step: [Refusing()]})

    assert await workflow(play, Journal()).run("d1") == "failed"

    assert play.ran[-2:] == [step, "fail"]
    assert play.told
    assert (play.told.code, play.told.what) == ("refusing", "It cannot be done.")


async def test_a_bug_ends_in_words_that_say_nothing_of_it() -> None:
    play, journal = Play(upload=[ZeroDivisionError("xoxb-secret")]), Journal()

    assert await workflow(play, journal).run("d1") == "failed"

    assert play.told
    assert play.told.code == Unexpected.code
    assert "xoxb-secret" not in repr(journal.kept)


async def test_what_may_succeed_later_is_tried_again_with_growing_waits() -> None:
    play, waits = Play(open=[Busy(), Busy()]), []

    assert await workflow(play, Journal(), waits).run("d1") == "delivered"

    assert play.ran.count("open") == 3
    assert len(waits) == 2


async def test_tries_come_to_an_end() -> None:
    play = Play(open=[Busy()] * 5)

    assert await workflow(play, Journal(), []).run("d1") == "failed"

    assert play.ran.count("open") == 3


@pytest.mark.parametrize("step", ["resolve", "upload", "share", "confirm", "tell"])
async def test_a_store_that_is_away_is_waited_for_and_costs_no_try(step: str) -> None:
    away = OperationalError("SELECT", {}, Exception("server closed the connection"))
    play, waits = Play(**{step: [away] * 8}), []

    assert await workflow(play, Journal(), waits).run("d1") == "delivered"

    assert waits == [0.5, 1, 2, 4, 4, 4, 4, 4]


async def test_a_statement_the_store_refuses_is_not_tried_for_ever() -> None:
    refused = IntegrityError("INSERT", {}, Exception("not unique"))
    play, waits = Play(upload=[refused]), []

    assert await workflow(play, Journal(), waits).run("d1") == "failed"

    assert waits == []


async def test_a_failure_is_told_once_the_store_is_back() -> None:
    away = OperationalError("SELECT", {}, Exception("gone"))
    play = Play(open=[Refusing()], fail=[away])

    assert await workflow(play, Journal(), []).run("d1") == "failed"

    assert play.ran.count("fail") == 2


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Keep logs unrendered: a traceback drawn for the eye takes seconds."""
    with capture_logs():
        yield


SCRIPTS: dict[str, dict[str, list[Any]]] = {
    "delivered": {},
    "refused": {"decide": ["refused"]},
    "tightened": {"share": ["tightened"]},
    "tightened to refused": {"share": ["tightened"], "outcome": ["refused"]},
    "failed": {"upload": [Refusing()]},
    "broken": {"announce": [ZeroDivisionError()]},
    "for ever": {"share": ["gone"] * MAX_ROUNDS},
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_a_replay_gives_the_same_and_runs_nothing(script: dict[str, list[Any]]) -> None:
    journal = Journal()
    first = await workflow(Play(**script), journal).run("d1")
    names = journal.names
    journal.rewind()
    untouched = Play()

    assert await workflow(untouched, journal).run("d1") == first

    assert untouched.ran == []
    assert journal.names == names


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_a_run_broken_off_anywhere_goes_on_there(script: dict[str, list[Any]]) -> None:
    whole = Journal()
    first = await workflow(Play(**script), whole).run("d1")
    for keep in range(len(whole.names)):
        journal = Journal()
        play = Play(**script)
        await workflow(play, journal).run("d1")
        done_before = len(play.ran)
        # The world goes on where the script is: what already ran has used its lines up.
        rest = Play(**script)
        for name in journal.names[:keep]:
            lines = rest.script.get(name)
            if lines:
                lines.pop(0)
        journal.rewind(keep)

        assert await workflow(rest, journal).run("d1") == first
        assert journal.names == whole.names
        assert len(rest.ran) <= done_before
