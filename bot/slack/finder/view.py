"""The modal that finds calls: its blocks and its texts."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.polyai.browsing import Screen
from bot.polyai.normalization import CallSummary
from bot.polyai.payloads import Direction
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.recordings.requests.request_writer import StoredRequest
from bot.slack.blocks import (
    Block,
    View,
    actions,
    button,
    context,
    field,
    modal,
    option,
    plain,
    section,
)
from bot.slack.finder.search import Search
from bot.slack.identifiers import Action, Input, ModalCallback
from bot.slack.recordings import ack_texts
from bot.slack.wording import SIDES, escape, length

TITLE: Final = "Find a call"
ANY_DAY: Final = "Any day"
NONE: Final = "No matching call was found."
NONE_SO_FAR: Final = (
    "There is no such call in this part of the list. *Older* searches further back."
)
RULES: Final = "Whether you get it unredacted or redacted depends on who can hear it there."
HANDOFFS: Final = (
    ("any", "Any outcome"),
    ("yes", "Handed over to a person"),
    ("no", "Not handed over"),
)


def finder(search: Search, screen: Screen, zone: ZoneInfo, agent_names: Sequence[str]) -> View:
    """The modal with one screen of calls; without calls it has no submit button."""
    metadata = search.metadata()
    kept = Search.of(metadata)  # only what fits: no button leads to a dropped screen
    # Slack keeps the choice in a block of the same id, so each search has its own id.
    version = hashlib.sha256(metadata.encode()).hexdigest()[:12]
    shown_agent = kept.agent_name if len(agent_names) > 1 else None
    nothing = NONE if kept.older is None else NONE_SO_FAR
    blocks = [
        _filters(kept, agent_names, version),
        context(about(shown_agent, zone, has_day=kept.day is not None)),
        _calls(screen.calls, zone, version) if screen.calls else section(nothing),
        *_turning(kept),
    ]
    if not screen.calls:
        return modal(TITLE, blocks, private_metadata=metadata)
    return modal(
        TITLE,
        [*blocks, *_delivery()],
        close="Cancel",
        submit=plain("Send recording"),
        callback_id=ModalCallback.FIND_CALL.value,
        private_metadata=metadata,
    )


def open_button(agent_name: str = "") -> Block:
    """The button that opens the modal, for an agent or the default one."""
    return button(Action.FIND_CALL, "Find a call", agent_name or DEFAULT_AGENT)


def _filters(search: Search, agent_names: Sequence[str], version: str) -> Block:
    elements: list[Block] = []
    if len(agent_names) > 1:
        labels = {DEFAULT_AGENT: "default agent"}
        agents = [option(labels.get(name, name), name) for name in agent_names[:100]]
        elements.append(_menu(Action.FIND_AGENT, agents, search.agent_name))
    day = {"type": "datepicker", "action_id": Action.FIND_DAY.value, "placeholder": plain(ANY_DAY)}
    elements.append({**day, "initial_date": search.day.isoformat()} if search.day else day)
    chosen = {None: "any", True: "yes", False: "no"}[search.handoff]
    outcomes = [option(label, value) for value, label in HANDOFFS]
    elements.append(_menu(Action.FIND_HANDOFF, outcomes, chosen))
    if search.day:
        elements.append(button(Action.FIND_ANY_DAY, ANY_DAY, "any"))
    return {**actions(*elements), "block_id": f"filters-{version}"}


def _menu(action: Action, options: list[Block], chosen: str) -> Block:
    menu = {"type": "static_select", "action_id": action.value, "options": options}
    initial = [each for each in options if each["value"] == chosen]
    return {**menu, "initial_option": initial[0]} if initial else menu


def _calls(calls: Sequence[CallSummary], zone: ZoneInfo, version: str) -> Block:
    options = [
        {**option(when(call, zone), call.conversation_id), "description": plain(which(call))}
        for call in calls
    ]
    return {
        "type": "input",
        "block_id": f"{Input.CALL.value}-{version}",
        "label": plain("Which call?"),
        "element": {"type": "radio_buttons", "action_id": Input.CALL.value, "options": options},
    }


def _turning(search: Search) -> list[Block]:
    buttons = []
    if not search.is_first:
        buttons.append(button(Action.FIND_NEWER, "Newer", "newer"))
    if search.older is not None:
        buttons.append(button(Action.FIND_OLDER, "Older", "older"))
    return [actions(*buttons)] if buttons else []


def _delivery() -> list[Block]:
    sides = [option(SIDES[each].capitalize(), each.value) for each in Direction]
    redacted = option("Redacted, even if I may hear it unredacted", "redacted")
    return [
        field(
            Input.DESTINATION,
            "Where should it be posted?",
            {
                "type": "conversations_select",
                "default_to_current_conversation": True,
                # Slack counts direct messages with the bot as those of a bot user; keep them.
                "filter": {"exclude_external_shared_channels": True},
            },
        ),
        field(
            Input.DIRECTION,
            "Which side of the call?",
            {"type": "static_select", "options": sides, "initial_option": sides[0]},
        ),
        field(
            Input.REDACTED, "Variant", {"type": "checkboxes", "options": [redacted]}, optional=True
        ),
    ]


def when(call: CallSummary, zone: ZoneInfo) -> str:
    """Format start, length and result of a call; 75 characters at most."""
    parts = [
        _moment(call.started_at.astimezone(zone)),
        length(call.length_seconds),
        call.direction,
        "still going on" if call.in_progress else None,
        "handed over" if call.handoff else None,
    ]
    return " · ".join(part for part in parts if part)


def which(call: CallSummary) -> str:
    """Format the id and the masked number of a call; 75 characters at most."""
    room = 75 - len(call.masked_caller or "") - 3
    shown = call.conversation_id
    if len(shown) > room:
        shown = shown[: room - 1] + "…"
    return f"{call.masked_caller} · {shown}" if call.masked_caller else shown


def about(agent_name: str | None, zone: ZoneInfo, *, has_day: bool) -> str:
    """Word what is listed, and in which time zone."""
    whose = f"Phone calls of `{escape(agent_name)}`" if agent_name else "Phone calls"
    period = "" if has_day else " of the last 30 days"
    return f"{whose}{period}, the newest first. Times are in {escape(zone.key)}. {RULES}"


def accepted(stored: StoredRequest, conversation_id: str, channel_id: str) -> str:
    """Word that a recording was requested, and its destination."""
    has_name = channel_id.startswith(("C", "G"))
    place = f"<#{escape(channel_id)}>" if has_name else "the direct messages you chose"
    return f"{ack_texts.accepted(stored, conversation_id)}\nIt will be posted in {place}."


def _moment(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b} {at:%H:%M}"
