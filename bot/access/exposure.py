"""Whether a visible raw file may stay in Slack. Pure and total; the table of take-backs."""

from dataclasses import dataclass
from enum import StrEnum

from bot.access.directory import Conversation
from bot.access.policy import Audience
from bot.errors import CallAudioError


class Exposure(StrEnum):
    """Whether a visible raw file may stay visible, and if not, why."""

    FINE = "fine"
    RIGHT_ENDED = "right_ended"
    EXTERNAL = "external"
    PUBLIC = "public"
    AUDIENCE = "audience"
    UNVERIFIED = "doubtful"


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """The facts of a conversation with raw recordings, for all their requesters.

    None: unknown.
    """

    conversation: Conversation | None
    audience: Audience
    error: CallAudioError | None = None
    """Why the conversation is unknown."""


def exposure_of(
    *,
    requester_is_cleared: bool | None,
    destination_is_external: bool | None,
    destination_is_private: bool | None,
    audience_must_be_cleared: bool,
    audience: Audience,
) -> Exposure:
    """Judge a visible raw file by current facts: every listener still has to be cleared.

    None: unknown. A known violation comes before an unknown fact. The file may stay if the
    requester has left the conversation, because the other listeners are the same.
    """
    if requester_is_cleared is False:
        return Exposure.RIGHT_ENDED
    if destination_is_external:
        return Exposure.EXTERNAL
    unknown = [requester_is_cleared, destination_is_external]
    if audience_must_be_cleared:
        if destination_is_private is False:
            return Exposure.PUBLIC
        if audience in (Audience.NOT_CLEARED, Audience.TOO_LARGE):
            return Exposure.AUDIENCE
        unknown += [destination_is_private, audience is Audience.CLEARED or None]
    return Exposure.UNVERIFIED if None in unknown else Exposure.FINE
