"""The requester: an actor in a conversation, and the refusals of those who may not ask."""

from dataclasses import dataclass

from pydantic import SecretStr

from bot.access.administration import Actor
from bot.errors import UsageError


@dataclass(frozen=True, slots=True)
class Requester:
    """An actor who requests a recording in a conversation, and the URL for private answers.

    A repeated ``trigger_id`` is the same request.
    """

    actor: Actor
    channel_id: str
    trigger_id: str
    response_url: SecretStr | None


class NotYours(UsageError):
    """The button belongs to another person's request."""

    code = "not_yours"
    what = "That button belongs to somebody else's request."
    likely_cause = "It is for the person who asked, or it is very old."
    fix = "Ask for the recording yourself with `/callaudio`."


class Outsider(UsageError):
    """A button was pressed by a person of another workspace, or from another conversation."""

    code = "outsider"
    what = "That button is for the people of the workspace and the conversation it was drawn in."
    likely_cause = "You belong to another organisation, or the conversation has changed since."
    fix = "Somebody of the workspace can ask for the recording with `/callaudio`."
