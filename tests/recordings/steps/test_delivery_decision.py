"""The decision on a delivery: temporarily unknown facts are read again for a limited time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.policy import Audience, Decision, Outcome, Reason
from bot.access.policy_evaluation import Evaluation
from bot.access.unknown_facts import note_unknown_fact
from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.destination import ConversationUnseen
from bot.recordings.deliveries.redaction_safety import DeliveriesFrozen
from bot.recordings.steps.delivery_decision import DeliveryDecider, FactRetryWindow
from tests.access.builders import EVERYTHING_SPEAKS_FOR_RAW, Passing
from tests.conftest import NOON
from tests.recordings.deliveries.rows import under_way
from tests.tables import each_row

MINUTE = timedelta(minutes=1)
DELIVERY = under_way()
ASKS_AGAIN = ("passing", Passing.likely_cause)


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


class Safety:
    """Refuses redacted deliveries while they are frozen."""

    def __init__(self, *, is_frozen: bool) -> None:
        self.is_frozen = is_frozen
        self.asked: Delivery | None = None

    async def require(self, delivery: Delivery) -> None:
        self.asked = delivery
        if self.is_frozen:
            raise DeliveriesFrozen


def decider_of(evaluator: Evaluator, safety: Safety | None = None) -> DeliveryDecider:
    return DeliveryDecider(
        evaluator=evaluator,
        clock=lambda: NOON,
        fact_retry_window=FactRetryWindow(before_redacted=2 * MINUTE, before_refused=10 * MINUTE),
        safety=safety or Safety(is_frozen=False),
    )


@each_row(
    ("outcome", "error", "waited", "found"),
    [
        pytest.param(
            Outcome.REDACTED, None, None, (Outcome.REDACTED, Reason.AUDIENCE),
            id="every fact is known",
        ),
        pytest.param(
            Outcome.REDACTED, Definite(), None, (Outcome.REDACTED, Reason.AUDIENCE),
            id="Slack refuses the fact",
        ),
        pytest.param(
            Outcome.REDACTED, Passing(), None, ASKS_AGAIN, id="Slack is temporarily unavailable"
        ),
        pytest.param(
            Outcome.REDACTED, Passing(), 1.9 * MINUTE, ASKS_AGAIN, id="for less than 2 min"
        ),
        pytest.param(
            Outcome.REDACTED, Passing(), 2 * MINUTE, (Outcome.REDACTED, Reason.FACT_UNKNOWN),
            id="redacted after 2 min",
        ),
        pytest.param(
            Outcome.REFUSED, Passing(), 2 * MINUTE, ASKS_AGAIN, id="not refused after 2 min"
        ),
        pytest.param(
            Outcome.REFUSED, Passing(), 10 * MINUTE, ("facts_not_told", Passing.what),
            id="refused after 10 min",
        ),
        pytest.param(
            Outcome.RAW, Passing(), None, (Outcome.RAW, Reason.AUDIENCE),
            id="raw by what is known",
        ),
    ],
)  # fmt: skip
async def test_unknown_facts_are_read_again_for_a_limited_time_before_failing_closed(
    outcome, error, waited, found
):
    waiting = replace(DELIVERY, waiting_since=NOON - waited) if waited else DELIVERY
    evaluator, question, reading = Evaluator(outcome, error), object(), object()
    try:
        evaluation = await decider_of(evaluator).decide(question, waiting, reading)
        assert evaluation.taken_at == NOON
        result = (evaluation.decision.outcome, evaluation.decision.reason)
    except CallAudioError as raised:
        result = (raised.code, raised.likely_cause)
    assert result == found
    assert evaluator.asked == (question, reading), "a reading that the caller began"


async def outcome_or_code(decider: DeliveryDecider, delivery: Delivery) -> str:
    try:
        evaluation = await decider.decide(None, delivery)
    except CallAudioError as raised:
        return raised.code
    return evaluation.decision.outcome.value


@each_row(
    ("decided", "now", "code"),
    [
        pytest.param(Outcome.RAW, Outcome.REFUSED, "conversation_unseen", id="removed meanwhile"),
        pytest.param(None, Outcome.REFUSED, "refused", id="never there: the first step handles it"),
        pytest.param(Outcome.RAW, Outcome.REDACTED, "redacted", id="it may still be delivered"),
    ],
)
async def test_after_the_bot_was_removed_requesters_do_not_read_that_they_are_missing(
    decided, now, code
):
    decider = decider_of(Evaluator(now, ConversationUnseen()))
    assert await outcome_or_code(decider, replace(DELIVERY, outcome=decided)) == code


@each_row(
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
async def test_while_frozen_nothing_fetched_with_the_plain_key_is_shared(decided, now, error, code):
    frozen, safety = replace(DELIVERY, outcome=decided), Safety(is_frozen=True)
    assert await outcome_or_code(decider_of(Evaluator(now, error), safety), frozen) == code
    assert safety.asked == (frozen if code == "deliveries_frozen" else None)
