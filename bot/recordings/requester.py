"""The requester: an actor in a conversation, and the refusals of those who may not ask."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from bot.access.administration import Actor
from bot.errors import UsageError


@dataclass(frozen=True, slots=True)
class Requester:
    """An actor who asks for a recording in a conversation, and the address for private answers.

    The same ``trigger_id`` again is the same request. ``sent_at`` is when Slack sent it, where that
    is known: the process may have been stopped before it read the request.
    """

    actor: Actor
    channel_id: str
    trigger_id: str
    response_url: SecretStr | None
    sent_at: datetime | None = None


class NotYours(UsageError):
    """A button was pressed by somebody it was not drawn for."""

    code = "not_yours"
    what = "That button belongs to somebody else's request."
    likely_cause = "It is for the person who asked, or it is very old."
    fix = "Ask for the recording yourself with `/callaudio`."


class Outsider(UsageError):
    """A button was pressed from another workspace, or away from where it was drawn."""

    code = "outsider"
    what = "That button is for the people of the workspace and the conversation it was drawn in."
    likely_cause = "You belong to another organisation, or the conversation has changed since."
    fix = "Somebody of the workspace can ask for the recording with `/callaudio`."
