"""The states a delivery passes through; the last four are ends."""

from enum import StrEnum


class State(StrEnum):
    """Where a delivery is."""

    REQUESTED = "requested"
    DECIDED = "decided"
    ANNOUNCED = "announced"
    UPLOADED = "uploaded"
    SHARED = "shared"
    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


ENDED = frozenset({State.DELIVERED, State.REFUSED, State.FAILED, State.UNCONFIRMED})
