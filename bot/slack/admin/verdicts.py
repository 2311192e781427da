"""The first line of `/callaudio-admin explain`: the outcome, and the fact that decided."""

from collections.abc import Sequence

from bot.access.policy import Audience, Facts, Outcome, Reason, Standing
from bot.access.policy_evaluation import Evaluation


def verdict(
    user_id: str, channel_id: str, evaluation: Evaluation, not_cleared: Sequence[str] = ()
) -> str:
    """Word what a person would get in a channel, and why.

    ``not_cleared``: the first listeners there who are not cleared.
    """
    facts, who, where = evaluation.facts, f"<@{user_id}>", f"<#{channel_id}>"
    why = {
        Reason.REQUESTER_NOT_ALLOWED: _standing(who, facts.standing),
        Reason.REQUESTER_NOT_IN_DESTINATION: _known(
            facts.requester_in_destination, f"{who} is not in {where}", f"{who} is in {where}"
        ),
        Reason.EXTERNAL_DESTINATION: _known(
            facts.destination_is_external,
            f"{where} is, or is about to be, shared with another organisation",
            f"{where} is shared with others",
        ),
        Reason.ASKED: "that was asked for",
        Reason.NOT_CLEARED: f"{who} in {where} is not cleared to hear unredacted recordings",
        Reason.NO_RAW_KEY: "this agent has no key for unredacted recordings",
        Reason.AUDIENCE: _audience(where, facts, not_cleared),
        Reason.FACT_UNKNOWN: "Slack did not confirm all that an unredacted recording needs",
        Reason.CLEARED: f"everyone in {where} is cleared"
        if facts.audience_must_be_cleared
        else f"{who} is cleared, and who else is in {where} does not count",
    }[evaluation.decision.reason]
    outcomes = {Outcome.RAW: "Unredacted", Outcome.REDACTED: "Redacted", Outcome.REFUSED: "Nothing"}
    return f"*{outcomes[evaluation.decision.outcome]}* because {why}."


def _known(fact: bool | None, known: str, asked: str) -> str:  # noqa: FBT001 - the fact is what it is about
    return f"Slack did not say whether {asked}" if fact is None else known


def _standing(who: str, standing: Standing) -> str:
    says = {
        Standing.GUEST: "is a guest without a grant by name",
        Standing.EXTERNAL: "belongs to another organisation",
        Standing.BOT: "is a bot",
        Standing.DEACTIVATED: "is deactivated",
    }.get(standing)
    return f"{who} {says}" if says else f"Slack did not say who {who} is"


def _audience(where: str, facts: Facts, not_cleared: Sequence[str]) -> str:
    if facts.destination_is_private is not True:
        return _known(
            facts.destination_is_private, f"{where} is a public channel", f"{where} is private"
        )
    return {
        Audience.NOT_CLEARED: _listeners(where, not_cleared),
        Audience.TOO_LARGE: f"more people are in {where} than `CALLAUDIO_MAX_AUDIENCE` allows",
    }.get(facts.audience, f"Slack did not say who is in {where}")


def _listeners(where: str, not_cleared: Sequence[str]) -> str:
    if not not_cleared:
        return f"not everyone in {where} is cleared to hear unredacted recordings"
    *others, last = [f"<@{user_id}>" for user_id in not_cleared]
    named, verb = (f"{', '.join(others)} and {last}", "are") if others else (last, "is")
    return f"{named} in {where} {verb} not cleared to hear unredacted recordings"
