"""The content of a digest: figures and ids; phone numbers are masked."""

from dataclasses import dataclass
from datetime import datetime

from bot.audit.chain import Head
from bot.digests.notable import NotableCall
from bot.polyai.normalization import CallSummary
from bot.recordings.deliveries.delivery import Problem


@dataclass(frozen=True, slots=True)
class NameCount:
    """How often something with a name occurred."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class BusiestHour:
    """The hour in which most conversations began; ``starts_at`` is in the digest's zone."""

    starts_at: datetime
    conversations: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A period's conversations in figures; unknown facts are not counted.

    Attributes:
        conversations: all conversations, chats included.
        chats: written conversations. Except for ``hours`` and ``busiest``, every figure below
            covers calls only.
        in_progress: calls that had not ended; they have no length yet.
        timed: ended calls of known length; total, median, longest and shortest cover these.
        handoff_known: calls for which the list says whether they were handed off.
        reasons: handed-off calls by the agent's reason, most frequent first.
        other_handoffs: handed-off calls without a reason, or beyond the limit of reasons.
        turns_known: calls for which the list has the number of turns.
        silent: calls in which the caller never said anything.
        cut_short: ended calls of ``CUT_SHORT_SECONDS`` or less.
        hours: conversations by the hour of the day in which they began, 24 values.
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
    handoff_known: int = 0
    handoffs: int = 0
    reasons: tuple[NameCount, ...] = ()
    other_handoffs: int = 0
    turns_known: int = 0
    silent: int = 0
    cut_short: int = 0
    hours: tuple[int, ...] = (0,) * 24
    busiest: BusiestHour | None = None

    @property
    def calls(self) -> int:
        """Conversations that are not chats."""
        return self.conversations - self.chats


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a period could be read only in part, and which part was read."""

    problem: Problem
    read: int
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class CallsReport:
    """The conversations of one agent in a period.

    Attributes:
        notable: notable calls, highest score first.
        before: the figures of the period before; None if there is no comparison.
        gap: why the figures are incomplete; None if everything was read.
        before_problem: why the period before could not be read.
    """

    agent_name: str
    figures: Figures
    notable: tuple[NotableCall, ...] = ()
    before: Figures | None = None
    gap: Gap | None = None
    before_problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class PersonTally:
    """The ended deliveries of one person, by result."""

    user_id: str
    raw: int = 0
    redacted: int = 0
    refused: int = 0
    other: int = 0
    """Failed or unconfirmed."""


@dataclass(frozen=True, slots=True)
class ReasonTally:
    """How often an outcome had this reason, or a failure this code."""

    outcome: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class RequestTally:
    """Requests for access: made in the period, decided in the period, pending at its end."""

    asked: int = 0
    approved: int = 0
    denied: int = 0
    expired: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class HeldRight:
    """A right of a person or of the members of a user group; permanent if ``ends_at`` is None."""

    subject_kind: str
    subject_id: str
    right: str
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantTally:
    """Changes of rights in the period, and grants that end soon: within one more period."""

    given: int = 0
    denied: int = 0
    revoked: int = 0
    ending: int = 0
    next_to_end: tuple[HeldRight, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """Deliveries, requests and rights of a workspace in a period.

    Attributes:
        outcomes: deliveries that ended, by ``raw``, ``redacted``, ``refused``, ``failed`` or
            ``unconfirmed``.
        people: the requesters with most deliveries; ``people_in_all`` counts all requesters.
        groups: user groups that hold a right at the end of the period; ``groups_in_all`` counts
            all of them.
        taken_back: files that were taken back, by cause.
        checked: redaction checks, by verdict.
        audit_events: events recorded in the period.
        head: the newest link of the workspace's audit chain; None if it has none.
    """

    outcomes: tuple[NameCount, ...] = ()
    reasons: tuple[ReasonTally, ...] = ()
    people: tuple[PersonTally, ...] = ()
    people_in_all: int = 0
    requests: RequestTally = RequestTally()
    grants: GrantTally = GrantTally()
    groups: tuple[HeldRight, ...] = ()
    groups_in_all: int = 0
    taken_back: tuple[NameCount, ...] = ()
    checked: tuple[NameCount, ...] = ()
    audit_events: int = 0
    head: Head | None = None

    @property
    def deliveries(self) -> int:
        """The number of ended deliveries."""
        return sum(each.count for each in self.outcomes)


Report = CallsReport | AccessReport
