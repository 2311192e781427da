"""What a digest tells of its period: figures and ids, numbers masked, nothing raw."""

from dataclasses import dataclass
from datetime import datetime

from bot.audit.verify import Head
from bot.digests.notable import NotableCall
from bot.polyai.call_summary import CallSummary
from bot.recordings.slack_port import Problem


@dataclass(frozen=True, slots=True)
class NameCount:
    """How often something with a name occurred."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class BusiestHour:
    """The hour of the clock in which most conversations began; ``starts_at`` is in the zone."""

    starts_at: datetime
    conversations: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A period's conversations in figures; what a list does not tell is counted nowhere.

    Attributes:
        conversations: all of them, chats included.
        chats: those that were written; every figure below but ``hours`` and ``busiest`` is of the
            others, the calls.
        in_progress: calls that still went on; they have no length yet.
        timed: ended calls whose length is told; total, median, longest and shortest are of them.
        handoff_told: calls of which the list tells whether they were passed on.
        reasons: handed-off calls by the agent's own name for the reason, most frequent first.
        other_handoffs: those without a name, or with one beyond the bound on distinct names.
        silence_told: calls of which the list tells how many turns there were.
        silent: calls in which the person never said anything.
        cut_short: ended calls of ``CUT_SHORT_SECONDS`` or less.
        hours: conversations by the hour of the day in which they began, 24 of them.
    """

    conversations: int = 0
    chats: int = 0
    in_progress: int = 0
    timed: int = 0
    total_seconds: int = 0
    median_seconds: float | None = None
    longest: CallSummary | None = None
    shortest: CallSummary | None = None
    inbound: int = 0
    outbound: int = 0
    handoff_told: int = 0
    handoffs: int = 0
    reasons: tuple[NameCount, ...] = ()
    other_handoffs: int = 0
    silence_told: int = 0
    silent: int = 0
    cut_short: int = 0
    hours: tuple[int, ...] = (0,) * 24
    busiest: BusiestHour | None = None

    @property
    def calls(self) -> int:
        """Those that were spoken, or of an unknown kind."""
        return self.conversations - self.chats


@dataclass(frozen=True, slots=True)
class Gap:
    """A period that could be read in part only: why, and what was read."""

    problem: Problem
    read: int
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class CallsReport:
    """How the conversations of one agent went.

    Attributes:
        notable: most worth hearing first.
        before: the figures of the period before; None where there is nothing to compare with.
        gap: why the figures are of a part only; None where everything was read.
        before_problem: why the period before could not be read.
    """

    agent_name: str
    figures: Figures
    notable: tuple[NotableCall, ...] = ()
    before: Figures | None = None
    gap: Gap | None = None
    before_problem: Problem | None = None

    @property
    def is_partial(self) -> bool:
        """Whether there were more conversations than the figures are of."""
        return self.gap is not None


@dataclass(frozen=True, slots=True)
class PersonTally:
    """What one person received."""

    user_id: str
    raw: int = 0
    redacted: int = 0
    refused: int = 0
    other: int = 0
    """Failed or unconfirmed."""

    @property
    def total(self) -> int:
        """Everything the person asked for that has ended."""
        return self.raw + self.redacted + self.refused + self.other


@dataclass(frozen=True, slots=True)
class ReasonTally:
    """How often an outcome had a reason, or a failure its code."""

    outcome: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class RequestTally:
    """Requests for access: asked for in the period, decided in the period, open at its end."""

    asked: int = 0
    approved: int = 0
    denied: int = 0
    expired: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class EndingGrant:
    """A grant that ends within a period's length after the period."""

    subject_kind: str
    subject_id: str
    right: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class GroupRight:
    """A right that the members of a user group hold; without an end where ``ends_at`` is None."""

    group_id: str
    right: str
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantTally:
    """Changes of rights in the period, and those about to end by themselves."""

    given: int = 0
    denied: int = 0
    revoked: int = 0
    ending: int = 0
    next_to_end: tuple[EndingGrant, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """Who received what, and who may.

    Attributes:
        outcomes: deliveries that ended, by ``raw``, ``redacted``, ``refused``, ``failed`` or
            ``unconfirmed``.
        people: those with most deliveries; ``people_in_all`` says how many there were.
        groups: user groups that hold a right at the end of the period; ``groups_in_all`` says how
            many there were.
        taken_back: raw files deleted again, by cause.
        checked: redacted recordings that were held against the raw ones, by what came of it.
        audit_events: events recorded in the period.
        head: the newest link of the workspace's audit chain; None while it has none.
    """

    outcomes: tuple[NameCount, ...] = ()
    reasons: tuple[ReasonTally, ...] = ()
    people: tuple[PersonTally, ...] = ()
    people_in_all: int = 0
    requests: RequestTally = RequestTally()
    grants: GrantTally = GrantTally()
    groups: tuple[GroupRight, ...] = ()
    groups_in_all: int = 0
    taken_back: tuple[NameCount, ...] = ()
    checked: tuple[NameCount, ...] = ()
    audit_events: int = 0
    head: Head | None = None

    @property
    def deliveries(self) -> int:
        """All that ended."""
        return sum(each.count for each in self.outcomes)


Report = CallsReport | AccessReport
