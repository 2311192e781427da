"""What a digest tells of its period: figures and ids, numbers masked, nothing raw."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallsReport:
    """How the calls of one agent went."""

    agent_name: str
    conversations: int


@dataclass(frozen=True, slots=True)
class AccessReport:
    """Who received what, and who may."""

    deliveries: int


Report = CallsReport | AccessReport
