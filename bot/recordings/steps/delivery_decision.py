"""Takes the decision on a delivery; facts that Slack cannot return now are read again later."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.access.directory import Conversation
from bot.access.policy import Decision, Outcome, Reason, is_certain
from bot.access.policy_evaluation import Evaluation, PolicyEvaluator, Question
from bot.access.unknown_facts import collect_unknown_facts
from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.redaction_safety import RedactionSafety
from bot.recordings.deliveries.slack_errors import ConversationUnseen


class FactsUnknown(CallAudioError):
    """Slack did not return the facts of the decision within the time limit."""

    code = "facts_not_told"
    what = "Slack did not say who you are, or what that conversation is, so I posted nothing."
    likely_cause = "Slack does not answer, or limits the number of calls."
    fix = "Ask again in a few minutes."


@dataclass(frozen=True, slots=True)
class FactRetryWindow:
    """How long unknown facts are read again before the decision fails closed.

    Attributes:
        before_redacted: if failing closed means redacted.
        before_refused: if failing closed means refused.
    """

    before_redacted: timedelta = timedelta(minutes=2)
    before_refused: timedelta = timedelta(minutes=10)

    def longest(self, outcome: Outcome) -> timedelta:
        """Return the time for an outcome; raw never depends on an unknown fact."""
        if outcome is Outcome.RAW:
            return timedelta(0)
        return self.before_redacted if outcome is Outcome.REDACTED else self.before_refused


class DeliveryDecider:
    """Decides from facts read now; unknown never becomes raw, but may be only temporary."""

    def __init__(
        self,
        *,
        evaluator: PolicyEvaluator,
        clock: Callable[[], datetime],
        fact_retry_window: FactRetryWindow,
        safety: RedactionSafety,
    ) -> None:
        self._evaluator = evaluator
        self._clock = clock
        self._fact_retry_window = fact_retry_window
        self._safety = safety

    async def decide(
        self,
        question: Question,
        delivery: Delivery,
        conversation: Awaitable[Conversation] | None = None,
    ) -> Evaluation:
        """Decide; ``conversation`` is the destination, if the caller is reading it already.

        If a fact is unknown but no value of it would change the decision, the decision is returned
        at once. Otherwise the fact is read again for the time of ``FactRetryWindow``, and then the
        decision fails closed.

        Raises:
            CallAudioError: a fact is temporarily unknown; try again later.
            FactsUnknown: a fact stayed unknown for too long, and without it nothing is delivered.
            ConversationUnseen: the bot was removed from the destination after the first decision.
            DeliveriesFrozen: it would be redacted, or its upload is, and the plain key may return
                raw.
            RedactionDiffers: the same, and a check found that its recording is not redacted.
        """
        with collect_unknown_facts() as noted:
            evaluation = await self._evaluator.evaluate(question, conversation)
        if delivery.outcome is Outcome.REDACTED:
            # Its upload came with the plain key, whatever the rights allow by now.
            await self._safety.require(delivery)
        if delivery.outcome is not None and evaluation.decision.outcome is Outcome.REFUSED:
            for error in noted:
                if isinstance(error, ConversationUnseen):
                    # Otherwise the requester would read that they are not in the conversation.
                    raise error
        unknown_facts = [error for error in noted if error.retryable]
        now = self._clock()
        waited = now - (delivery.waiting_since or now)
        if unknown_facts and not is_certain(evaluation.facts):
            outcome = evaluation.decision.outcome
            if waited < self._fact_retry_window.longest(outcome):
                raise unknown_facts[0]
            if outcome is Outcome.REFUSED:
                raise FactsUnknown(likely_cause=unknown_facts[0].what)
            if outcome is Outcome.REDACTED:
                evaluation = replace(evaluation, decision=Decision(outcome, Reason.FACT_UNKNOWN))
        is_redacted = evaluation.decision.outcome is Outcome.REDACTED
        if is_redacted and delivery.outcome is not Outcome.REDACTED:
            await self._safety.require(delivery)
        return replace(evaluation, taken_at=self._clock())
