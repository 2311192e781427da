"""Digests that are not saved yet: their checks, and the preview of their next runs."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from bot.digests.digest import DigestKind
from bot.digests.timetable_text import TimetableUnclear, timetable_for_people
from bot.digests.zone_names import zone_of
from bot.errors import UsageError
from bot.ids import new_id
from bot.recordings.references.agents import DEFAULT_AGENT

SHOWN_RUNS = 3
LONGEST_TIMETABLE = 100


class DigestAgentUnknown(UsageError):
    """The agent of a digest is not configured."""

    code = "digest_agent_unknown"


class AgentNotWanted(UsageError):
    """An agent was named for the digest of access, which covers all agents."""

    code = "digest_agent_not_wanted"
    what = "The access digest covers all agents."
    fix = "Leave the agent out."


@dataclass(frozen=True, slots=True)
class Draft:
    """A digest that is not saved yet; saving a draft twice has the effect of saving it once."""

    id: str
    kind: DigestKind
    channel_id: str
    agent_name: str
    timetable: str
    zone: str


@dataclass(frozen=True, slots=True)
class DigestPreview:
    """A draft, its timetable in words, and its next runs."""

    draft: Draft
    in_words: str
    next_runs: tuple[str, ...]


def new_draft_id() -> str:
    """Create the id of a draft and of the digest it becomes; short enough to type."""
    return new_id("g", 10)


def preview(draft: Draft, agents: Collection[str], now: datetime) -> DigestPreview:
    """Check a draft, and describe when it would run.

    Raises:
        UsageError: the timetable or the agent is invalid.
    """
    if len(draft.timetable) > LONGEST_TIMETABLE:
        raise TimetableUnclear(what="That timetable is too long.")
    if draft.kind is DigestKind.CALLS and draft.agent_name not in agents:
        known = ", ".join(f"`{name}`" for name in sorted(agents))
        raise DigestAgentUnknown(
            what="No agent of that name is configured.", fix=f"Name one of these: {known}."
        )
    if draft.kind is DigestKind.ACCESS and draft.agent_name:
        raise AgentNotWanted
    timetable = timetable_for_people(draft.timetable, draft.zone)
    next_runs = timetable.upcoming(now, SHOWN_RUNS)
    return DigestPreview(
        draft, timetable.in_words(), tuple(timetable.moment(each, now) for each in next_runs)
    )


def usual_agent(kind: DigestKind) -> str:
    """Return the default agent for a kind of digest."""
    return DEFAULT_AGENT if kind is DigestKind.CALLS else ""


def normalized(draft: Draft) -> Draft:
    """Return a checked draft as it is stored: single spaces, and the zone's own spelling."""
    timetable = " ".join(draft.timetable.split())
    return replace(draft, timetable=timetable, zone=zone_of(draft.zone).key)
