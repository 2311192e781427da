"""The schema of Slack's payloads, for the fields that Bolt and the listeners read.

A signed payload of another shape means that Slack has changed, or that the signing secret has
leaked; the code behind this check need not expect one. Sources: docs.slack.dev, "Handling user
interaction", "Slash commands", "Events API".
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Words = Annotated[str, Field(min_length=1, max_length=255)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


class _Named(_Shape):
    id: Id


class _User(_Shape):
    id: Id
    team_id: Id | None = None


class _Option(_Shape):
    value: str | None = None


class _Element(_Shape):
    type: str
    action_id: Words
    block_id: str | None = None
    value: str | None = None
    action_ts: str | None = None
    selected_option: _Option | None = None
    selected_date: str | None = None


class _Filled(_Shape):
    value: str | None = None
    selected_option: _Option | None = None
    selected_options: list[_Option] | None = None
    selected_conversation: str | None = None


class _State(_Shape):
    values: dict[str, dict[str, _Filled]] | None = None


class _Block(_Shape):
    type: str
    block_id: str | None = None


class _View(_Shape):
    id: Id
    type: str | None = None
    callback_id: str | None = None
    private_metadata: str | None = None
    blocks: list[_Block] | None = None
    state: _State | None = None


class _Message(_Shape):
    ts: Words
    thread_ts: str | None = None


class _Container(_Shape):
    thread_ts: str | None = None
    message_ts: str | None = None


class _Interaction(_Shape):
    type: Words
    user: _User
    team: _Named | None = None
    channel: _Named | None = None
    enterprise: _Named | None = None
    trigger_id: Words | None = None
    response_url: str | None = None
    callback_id: str | None = None
    actions: Annotated[list[_Element], Field(min_length=1)] | None = None
    view: _View | None = None
    message: _Message | None = None
    container: _Container | None = None

    @model_validator(mode="after")
    def _has_the_fields_of_its_kind(self) -> Self:
        brings = {
            "block_actions": (self.actions, self.trigger_id),
            # Bolt reads the view's type of every submission, and fails without one.
            "view_submission": (self.view, self.view and self.view.type),
            "view_closed": (self.view,),
            "message_action": (self.message, self.channel, self.callback_id, self.trigger_id),
            "shortcut": (self.callback_id, self.trigger_id),
        }
        if None in brings.get(self.type, ()):
            msg = "incomplete"
            raise ValueError(msg)
        return self


class _Command(_Shape):
    command: Annotated[str, Field(pattern=r"^/")]
    team_id: Id
    user_id: Id
    channel_id: Id
    trigger_id: Words
    text: str = ""
    enterprise_id: str | None = None
    response_url: str | None = None


class _Authorization(_Shape):
    team_id: Id | None = None
    enterprise_id: Id | None = None


class _Event(_Shape):
    type: Words


class _EventCallback(_Shape):
    event: _Event
    team_id: Id | None = None
    enterprise_id: Id | None = None
    authorizations: list[_Authorization] | None = None


def is_well_formed(body: object) -> bool:
    """Return whether a payload has the shape of its kind.

    One with neither a kind nor a person may have any shape: no listener reads it.
    """
    if not isinstance(body, Mapping):
        return False
    shape = _shape_of(body)
    if shape is None:
        return True
    try:
        shape.model_validate(body)
    except ValidationError:
        return False
    return True


def _shape_of(body: Mapping[str, Any]) -> type[_Shape] | None:
    if "command" in body:
        return _Command
    match body.get("type"):
        case "event_callback":
            return _EventCallback
        case None | "url_verification" if "user" not in body:
            return None
        case _:
            return _Interaction
