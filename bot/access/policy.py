"""The decision: raw, redacted or refused. A pure, total function; an unknown fact fails closed."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Outcome(StrEnum):
    """What may be delivered, loosest first."""

    RAW = "raw"
    REDACTED = "redacted"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why, in the order in which the rules are applied."""

    REQUESTER_NOT_ALLOWED = "requester_not_allowed"
    REQUESTER_NOT_IN_DESTINATION = "requester_not_in_destination"
    EXTERNAL_DESTINATION = "external_destination"
    ASKED = "asked"
    NOT_CLEARED = "not_cleared"
    NO_RAW_KEY = "no_raw_key"
    AUDIENCE = "audience"
    CLEARED = "cleared"
    FACT_UNKNOWN = "not_told"
    """A fact stayed unknown, so the decision failed closed."""


class Standing(StrEnum):
    """A person's kind of membership in the workspace where the bot is installed."""

    MEMBER = "member"
    GUEST = "guest"
    EXTERNAL = "external"
    BOT = "bot"
    DEACTIVATED = "deactivated"
    UNKNOWN = "unknown"


class RightHeld(StrEnum):
    """Whether a person holds a right by the grants and denies in force.

    Perhaps: it depends on a user group that cannot be read.
    """

    BY_NAME = "by_name"
    BY_GROUP = "by_group"
    PERHAPS_BY_NAME = "perhaps_by_name"
    PERHAPS_BY_GROUP = "perhaps_by_group"
    NOT = "not"


class Audience(StrEnum):
    """Whether everyone who would hear the recording is cleared for raw."""

    CLEARED = "cleared"
    NOT_CLEARED = "not_cleared"
    TOO_LARGE = "too_large"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """The input of the decision. None: the fact is unknown."""

    standing: Standing
    held: RightHeld
    """Whether grants give the requester the right to hear raw."""
    requester_in_destination: bool | None
    destination_is_external: bool | None
    destination_is_private: bool | None
    """False: everybody in the workspace can open it and its files without joining."""
    destination_is_allow_listed: bool
    asked_redacted: bool
    has_raw_key: bool
    audience_must_be_cleared: bool
    audience: Audience

    @property
    def requester_is_cleared(self) -> bool | None:
        """Whether the requester may hear raw; None: unknown."""
        return counts(self.standing, self.held)


def audited_facts(facts: Facts) -> dict[str, str | bool | None]:
    """Return the facts of a decision as codes, for the audit."""
    return {
        name: value.value if isinstance(value, StrEnum) else value
        for name, value in asdict(facts).items()
    }


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome and the first rule that led to it."""

    outcome: Outcome
    reason: Reason


def decide(facts: Facts) -> Decision:
    """Apply the rules in order; the first that holds decides."""
    for holds, decision in _rules(facts):
        if holds:
            return decision
    return Decision(Outcome.RAW, Reason.CLEARED)


def is_certain(facts: Facts) -> bool:
    """Return whether no value of the unknown facts would change the decision."""
    return decide(facts) == decide(_at_best(facts))


def _at_best(facts: Facts) -> Facts:
    """Replace each unknown fact by the value that allows most; never used for a delivery."""
    certain = {
        RightHeld.PERHAPS_BY_NAME: RightHeld.BY_NAME,
        RightHeld.PERHAPS_BY_GROUP: RightHeld.BY_GROUP,
    }
    is_unknown = facts.audience is Audience.UNKNOWN
    return replace(
        facts,
        standing=Standing.MEMBER if facts.standing is Standing.UNKNOWN else facts.standing,
        held=certain.get(facts.held, facts.held),
        requester_in_destination=facts.requester_in_destination is not False,
        destination_is_external=facts.destination_is_external is True,
        destination_is_private=facts.destination_is_private is not False,
        audience=Audience.CLEARED if is_unknown else facts.audience,
    )


def raw_or_nothing(decision: Decision) -> Decision:
    """Refuse, with the same reason, what may not be delivered raw and has no redacted variant.

    That is a transcript: it contains the same personal details as the raw audio.
    """
    if decision.outcome is Outcome.RAW:
        return decision
    return Decision(Outcome.REFUSED, decision.reason)


_COUNTING: Final = MappingProxyType(
    {
        Standing.MEMBER: frozenset(RightHeld) - {RightHeld.NOT},
        Standing.GUEST: frozenset({RightHeld.BY_NAME, RightHeld.PERHAPS_BY_NAME}),
        Standing.UNKNOWN: frozenset(RightHeld) - {RightHeld.NOT},
    }
)
"""Which grants count for each standing. A standing that is not listed holds no right."""


def counts(standing: Standing, held: RightHeld) -> bool | None:
    """Return whether a person holds a right now; None: unknown.

    This one rule judges requesters, listeners, admins and reviewers. For visible files,
    ``exposure_of`` gets its result for their requesters. A member holds a right by any grant in
    force, a guest only by a grant by name. External and deactivated people and bots hold none, even
    if they have a grant.
    """
    if held not in _COUNTING.get(standing, ()):
        return False
    is_certain = (
        held in (RightHeld.BY_NAME, RightHeld.BY_GROUP) and standing is not Standing.UNKNOWN
    )
    return True if is_certain else None


def may_use(standing: Standing, held: RightHeld) -> bool:
    """Return whether a person may use callaudio: members, and guests for whom a right counts."""
    return standing is Standing.MEMBER or counts(standing, held) is True


def may_listen(standing: Standing | None, held: RightHeld) -> bool | None:
    """Return whether a person may hear raw; True for a bot, which cannot listen.

    Standing and result are None if they are unknown.
    """
    if standing is None:
        return None
    return standing is Standing.BOT or counts(standing, held)


def is_stricter(decision: Decision, than: Outcome) -> bool:
    """Return whether ``decision`` allows less than ``than``."""
    order = list(Outcome)
    return order.index(decision.outcome) > order.index(than)


def _rules(facts: Facts) -> tuple[tuple[bool, Decision], ...]:
    may_ask = may_use(facts.standing, facts.held)
    # A flag Slack did not send counts as set.
    external = facts.destination_is_external is not False
    # Everybody in the workspace can open a conversation that is not private, not only its members.
    all_listeners_cleared = (
        facts.destination_is_private is True and facts.audience is Audience.CLEARED
    )
    return (
        (not may_ask, Decision(Outcome.REFUSED, Reason.REQUESTER_NOT_ALLOWED)),
        (
            facts.requester_in_destination is not True,
            Decision(Outcome.REFUSED, Reason.REQUESTER_NOT_IN_DESTINATION),
        ),
        (
            external and not facts.destination_is_allow_listed,
            Decision(Outcome.REFUSED, Reason.EXTERNAL_DESTINATION),
        ),
        (external, Decision(Outcome.REDACTED, Reason.EXTERNAL_DESTINATION)),
        (facts.asked_redacted, Decision(Outcome.REDACTED, Reason.ASKED)),
        (facts.requester_is_cleared is not True, Decision(Outcome.REDACTED, Reason.NOT_CLEARED)),
        (not facts.has_raw_key, Decision(Outcome.REDACTED, Reason.NO_RAW_KEY)),
        (
            facts.audience_must_be_cleared and not all_listeners_cleared,
            Decision(Outcome.REDACTED, Reason.AUDIENCE),
        ),
    )
