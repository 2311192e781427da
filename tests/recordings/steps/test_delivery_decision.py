"""The decision on a delivery: temporarily unknown facts are read again for a limited time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.policy import Audience, Decision, Outcome, Reason
from bot.access.policy_evaluation import Evaluation
from bot.access.unknown_facts import note_unknown_fact
from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.destination import ConversationUnseen
from bot.recordings.deliveries.redaction_safety import DeliveriesFrozen
from bot.recordings.steps.delivery_decision import DeliveryDecider, FactRetryWindow
from bot.store.database import Database
from tests.access.builders import EVERYTHING_SPEAKS_FOR_RAW, Passing
from tests.conftest import NOON
from tests.recordings.requests.test_request_store import RequestStoreSetup

MINUTE = timedelta(minutes=1)
FACT_RETRY_WINDOW = FactRetryWindow(before_redacted=2 * MINUTE, before_refused=10 * MINUTE)


class Definite(CallAudioError):
    code = "definite"


KNOWN = replace(EVERYTHING_SPEAKS_FOR_RAW, audience=Audience.NOT_CLEARED)
UNKNOWN = replace(KNOWN, audience=Audience.UNKNOWN)


class Evaluator:
    """Returns an outcome, with a fact that could not be read."""

    def __init__(self, outcome: Outcome, error: CallAudioError | None) -> None:
        self.outcome, self.error = outcome, error
        self.asked: tuple[object, object] | None = None

    async def evaluate(self, question: object, conversation: object) -> Evaluation:
        self.asked = (question, conversation)
        if self.error:
            note_unknown_fact("audience", self.error)
        decision = Decision(self.outcome, Reason.AUDIENCE)
        return Evaluation(decision, UNKNOWN if self.error else KNOWN)


@pytest.mark.parametrize(
    ("outcome", "error", "waited", "asks_again"),
    [
        pytest.param(Outcome.REDACTED, None, None, False, id="every fact is known"),
        pytest.param(Outcome.REDACTED, Definite(), None, False, id="Slack refuses the fact"),
        pytest.param(
            Outcome.REDACTED, Passing(), None, True, id="Slack is temporarily unavailable"
        ),
        pytest.param(Outcome.REDACTED, Passing(), 1.9 * MINUTE, True, id="for less than 2 min"),
        pytest.param(Outcome.REDACTED, Passing(), 2 * MINUTE, False, id="redacted after 2 min"),
        pytest.param(Outcome.REFUSED, Passing(), 2 * MINUTE, True, id="not refused after 2 min"),
        pytest.param(Outcome.REFUSED, Passing(), 10 * MINUTE, False, id="refused after 10 min"),
        pytest.param(Outcome.RAW, Passing(), None, False, id="raw by what is known"),
    ],
)
async def test_unknown_facts_are_read_again_for_a_limited_time_before_failing_closed(
    sqlite_url, outcome, error, waited, asks_again
):
    database = Database(sqlite_url)
    deliveries = DeliveryStore(database=database, clock=lambda: NOON)
    delivery = await deliveries.read((await RequestStoreSetup(database).store()).delivery_id)
    await database.close()
    if waited:
        delivery = replace(delivery, waiting_since=NOON - waited)
    evaluator, question, reading = Evaluator(outcome, error), object(), object()
    decider = DeliveryDecider(
        evaluator=evaluator, clock=lambda: NOON, fact_retry_window=FACT_RETRY_WINDOW
    )

    async def decided() -> tuple[Outcome, Reason] | tuple[str, str]:
        try:
            evaluation = await decider.decide(question, delivery, reading)
        except CallAudioError as raised:
            return raised.code, raised.likely_cause
        assert evaluation.taken_at == NOON
        return evaluation.decision.outcome, evaluation.decision.reason

    gave_up = error is not None and error.retryable and not asks_again
    if asks_again:
        expected = ("passing", Passing.likely_cause)
    elif gave_up and outcome is Outcome.REFUSED:
        expected = ("facts_not_told", Passing.what)
    elif gave_up and outcome is Outcome.REDACTED:
        expected = (outcome, Reason.FACT_UNKNOWN)
    else:
        expected = (outcome, Reason.AUDIENCE)
    assert await decided() == expected
    assert evaluator.asked == (question, reading), "a reading that the caller began"


@pytest.mark.parametrize(
    ("decided", "now", "code"),
    [
        pytest.param(Outcome.RAW, Outcome.REFUSED, "conversation_unseen", id="removed meanwhile"),
        pytest.param(None, Outcome.REFUSED, "refused", id="never there: the first step handles it"),
        pytest.param(Outcome.RAW, Outcome.REDACTED, "redacted", id="it may still be delivered"),
    ],
)
async def test_after_the_bot_was_removed_requesters_do_not_read_that_they_are_missing(
    sqlite_url, decided, now, code
):
    database = Database(sqlite_url)
    deliveries = DeliveryStore(database=database, clock=lambda: NOON)
    delivery = await deliveries.read((await RequestStoreSetup(database).store()).delivery_id)
    await database.close()
    decider = DeliveryDecider(
        evaluator=Evaluator(now, ConversationUnseen()),
        clock=lambda: NOON,
        fact_retry_window=FACT_RETRY_WINDOW,
    )

    assert await outcome_or_code(decider, replace(delivery, outcome=decided)) == code


async def outcome_or_code(decider: DeliveryDecider, delivery: Delivery) -> str:
    try:
        evaluation = await decider.decide(None, delivery)
    except CallAudioError as raised:
        return raised.code
    return evaluation.decision.outcome.value


class Frozen:
    """Deliveries are frozen."""

    asked: Delivery | None = None

    async def require(self, delivery: Delivery) -> None:
        self.asked = delivery
        raise DeliveriesFrozen


@pytest.mark.parametrize(
    ("decided", "now", "error", "code"),
    [
        pytest.param(None, Outcome.RAW, None, "raw", id="raw does not come with the plain key"),
        pytest.param(None, Outcome.REDACTED, None, "deliveries_frozen", id="redacted does"),
        pytest.param(
            Outcome.REDACTED, Outcome.RAW, None, "deliveries_frozen",
            id="uploaded redacted, and raw by the rights of now",
        ),
        pytest.param(
            Outcome.REDACTED, Outcome.RAW, Passing(), "deliveries_frozen",
            id="uploaded redacted, and a fact is unknown for a passing reason",
        ),
        pytest.param(Outcome.RAW, Outcome.RAW, None, "raw", id="uploaded raw, and still raw"),
        pytest.param(
            Outcome.RAW, Outcome.REDACTED, None, "deliveries_frozen",
            id="uploaded raw, and redacted by the rights of now",
        ),
        pytest.param(None, Outcome.REFUSED, None, "refused", id="nothing is delivered anyway"),
    ],
)  # fmt: skip
async def test_while_frozen_nothing_fetched_with_the_plain_key_is_shared(
    sqlite_url, decided, now, error, code
):
    database = Database(sqlite_url)
    deliveries = DeliveryStore(database=database, clock=lambda: NOON)
    delivery = await deliveries.read((await RequestStoreSetup(database).store()).delivery_id)
    await database.close()
    delivery, safety = replace(delivery, outcome=decided), Frozen()
    decider = DeliveryDecider(
        evaluator=Evaluator(now, error),
        clock=lambda: NOON,
        fact_retry_window=FACT_RETRY_WINDOW,
        safety=safety,
    )

    assert await outcome_or_code(decider, delivery) == code
    assert safety.asked == (delivery if code == "deliveries_frozen" else None)
