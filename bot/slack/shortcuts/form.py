"""The form of *Get call audio*: the call, the options, and the expected decision."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.access.policy import Outcome, Reason
from bot.polyai.payloads import Direction
from bot.recordings.lookups.delivery_previewer import Choice, DeliveryPreview
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.recordings.references.reference import MAX_REFERENCE_CHARACTERS, Reference, parse_reference
from bot.recordings.requests.request_writer import StoredRequest
from bot.slack import wording
from bot.slack.blocks import Block, View, context, field, modal, notice, option, plain, section
from bot.slack.identifiers import Action, Input, ModalCallback
from bot.slack.payloads import chosen, field_of
from bot.slack.recordings import ack_texts

TITLE: Final = "Get call audio"
LONGEST_LABEL: Final = 75
REDACTED: Final = "redacted"
SIDES: Final = {
    Direction.COMBINED: "Both sides",
    Direction.USER: "The caller alone",
    Direction.AGENT: "The agent alone",
}


@dataclass(frozen=True, slots=True)
class Thread:
    """The metadata of the form: the thread it was opened on, and the conversations named there.

    Ten conversations with names of maximum length take 1800 of the allowed 3000 characters.
    """

    channel_id: str
    thread_ts: str
    choices: tuple[Choice, ...]
    not_configured: tuple[str, ...]

    def metadata(self) -> str:
        """Serialize it for ``private_metadata``."""
        choices = [[each.agent_name, each.conversation_id] for each in self.choices]
        return json.dumps([self.channel_id, self.thread_ts, choices, list(self.not_configured)])


@dataclass(frozen=True, slots=True)
class Filled:
    """The input of the form that changes the preview."""

    chosen: Choice | None
    redacted: bool


def thread_of(view: Mapping[str, Any]) -> Thread:
    """Read the metadata of the form."""
    channel_id, thread_ts, choices, not_configured = json.loads(str(view["private_metadata"]))
    known = tuple(Choice(name, id_) for name, id_ in choices)
    return Thread(channel_id, thread_ts, known, tuple(not_configured))


def filled(thread: Thread, view: Mapping[str, Any]) -> Filled:
    """Read the input that changes the preview; the default is the first call."""
    index = chosen(field_of(view, Action.CHOOSE_CALL)) or "0"
    known = {str(at): each for at, each in enumerate(thread.choices)}
    redacted = bool(field_of(view, Action.CHOOSE_REDACTED).get("selected_options"))
    return Filled(known.get(index), redacted)


def reference_of(thread: Thread, view: Mapping[str, Any]) -> Reference:
    """Read the requested conversation.

    Raises:
        InvalidReference: the typed text names no conversation.
    """
    call = filled(thread, view).chosen
    if call:
        return call.reference
    return parse_reference(str(field_of(view, Input.CONVERSATION).get("value") or ""))


def form(thread: Thread, state: Filled, preview: DeliveryPreview) -> View:
    """Build the form; if the request would be refused, it shows the reason and no button."""
    if preview.decision.outcome is Outcome.REFUSED:
        return _refused(state, preview)
    place = "It will be posted in this message's thread, after a new decision."
    if preview.goes_to_dm:
        place = (
            "No app can post in direct messages between two people: it will be in your direct "
            "messages with me instead, after a new decision."
        )
    blocks = [
        *_calls(thread, state, preview),
        section(_verdict(thread, preview)),
        _direction(),
        _redacted(state),
        context(place),
    ]
    return modal(
        TITLE,
        blocks,
        close="Cancel",
        submit=plain("Get recording"),
        callback_id=ModalCallback.GET_CALL_AUDIO.value,
        private_metadata=thread.metadata(),
    )


def accepted(stored: StoredRequest, conversation_id: str) -> View:
    """The notice in place of the form when the request is stored."""
    text = ack_texts.accepted(stored, conversation_id)
    return notice(f"{text}\nYou can close this.")


def _refused(state: Filled, preview: DeliveryPreview) -> View:
    of = f" of {wording.code(state.chosen.conversation_id)}" if state.chosen else ""
    why = wording.WHY_REFUSED[preview.decision.reason]
    lines = [f"You would not get the recording{of} here.", why]
    if preview.reference:
        lines.append(f"Reference {wording.code(preview.reference)}")
    return notice("\n".join(lines))


def _calls(thread: Thread, state: Filled, preview: DeliveryPreview) -> list[Block]:
    """The one call, a choice of calls, or a text field."""
    if not thread.choices:
        blocks = [_entry()]
    elif len(thread.choices) == 1:
        heading = f"*Recording of {wording.code(thread.choices[0].conversation_id)}*"
        agent = thread.choices[0].agent_name
        of_agent = f" of the agent {wording.code(agent)}" if agent != DEFAULT_AGENT else ""
        blocks = [section(heading + of_agent)]
    else:
        blocks = [_radio(thread, state)]
    facts = wording.call_facts(preview.call)
    if facts:
        blocks.append(context(facts))
    if thread.not_configured:
        shown = ", ".join(map(wording.code, thread.not_configured))
        blocks.append(
            context(f"Also named, but for an agent or region that is not configured here: {shown}")
        )
    return blocks


def _verdict(thread: Thread, preview: DeliveryPreview) -> str:
    is_channel = thread.channel_id.startswith(("C", "G"))
    here = f"in <#{thread.channel_id}>" if is_channel else "here"
    place = "there" if preview.goes_to_dm else here
    if preview.decision.outcome is Outcome.RAW:
        return f"You would get it *unredacted* {place}."
    if preview.decision.reason is Reason.ASKED:
        return "You would get it *redacted*, as requested."
    why = wording.why_redacted(preview.decision.reason, is_public=preview.is_public)
    return f"You would get it *redacted* {place}: {why}."


def _entry() -> Block:
    return field(
        Input.CONVERSATION,
        "Which conversation?",
        {"type": "plain_text_input", "min_length": 1, "max_length": MAX_REFERENCE_CHARACTERS},
        hint=plain("There is none in the message. Paste a conversation id or a Studio link."),
    )


def _radio(thread: Thread, state: Filled) -> Block:
    options = [option(_label(each), str(at)) for at, each in enumerate(thread.choices)]
    initial = thread.choices.index(state.chosen) if state.chosen else 0
    return field(
        Action.CHOOSE_CALL,
        "Which call?",
        {"type": "radio_buttons", "options": options, "initial_option": options[initial]},
        dispatch_action=True,
    )


def _label(choice: Choice) -> str:
    agent = f" ({choice.agent_name})" if choice.agent_name != DEFAULT_AGENT else ""
    room = LONGEST_LABEL - len(agent)
    id_ = choice.conversation_id
    return (id_ if len(id_) <= room else f"{id_[: room - 1]}…") + agent


def _direction() -> Block:
    options = [option(label, side.value) for side, label in SIDES.items()]
    return field(
        Input.DIRECTION,
        "Which side of the call?",
        {"type": "static_select", "options": options, "initial_option": options[0]},
    )


def _redacted(state: Filled) -> Block:
    choice = option("Redacted, even if I may hear it unredacted", REDACTED)
    chosen_already = {"initial_options": [choice]} if state.redacted else {}
    return field(
        Action.CHOOSE_REDACTED,
        "Variant",
        {"type": "checkboxes", "options": [choice], **chosen_already},
        dispatch_action=True,
        optional=True,
    )
