"""Whether a visible raw file may stay in Slack. Pure and total; the table of take-backs."""

from dataclasses import dataclass
from enum import StrEnum

from bot.access.policy import Audience


class Exposure(StrEnum):
    """Whether a visible raw file may stay visible, and if not, why."""

    FINE = "fine"
    RIGHT_ENDED = "right_ended"
    EXTERNAL = "external"
    PUBLIC = "public"
    AUDIENCE = "audience"
    UNVERIFIED = "doubtful"


@dataclass(frozen=True, slots=True)
class ExposureFacts:
    """The facts that decide whether a visible raw file may stay. None: unknown."""

    requester_is_cleared: bool | None
    destination_is_external: bool | None
    destination_is_private: bool | None
    audience_must_be_cleared: bool
    audience: Audience


def exposure_of(now: ExposureFacts) -> Exposure:
    """Judge a visible raw file by current facts: every listener still has to be cleared.

    A known violation comes before an unknown fact. The file may stay if the requester has left the
    conversation, because the other listeners are the same.
    """
    if now.requester_is_cleared is False:
        return Exposure.RIGHT_ENDED
    if now.destination_is_external:
        return Exposure.EXTERNAL
    unknown = [now.requester_is_cleared, now.destination_is_external]
    if now.audience_must_be_cleared:
        if now.destination_is_private is False:
            return Exposure.PUBLIC
        if now.audience in (Audience.NOT_CLEARED, Audience.TOO_LARGE):
            return Exposure.AUDIENCE
        unknown += [now.destination_is_private, now.audience is Audience.CLEARED or None]
    return Exposure.UNVERIFIED if None in unknown else Exposure.FINE
