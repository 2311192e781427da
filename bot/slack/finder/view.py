"""The modal that finds calls."""

import hashlib
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bot.polyai.browsing import Screen
from bot.polyai.normalization import CallSummary
from bot.polyai.payloads import Direction
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.slack.blocks import Block, View, actions, button, context, modal, option, plain, section
from bot.slack.finder import wording
from bot.slack.finder.search import Search
from bot.slack.identifiers import Action, Input, ModalCallback
from bot.slack.wording import SIDES


def finder(search: Search, screen: Screen, zone: ZoneInfo, agent_names: Sequence[str]) -> View:
    """The modal with one screen of calls; without calls it has no submit button."""
    metadata = search.metadata()
    kept = Search.of(metadata)  # only what fits: no button leads to a dropped screen
    # Slack keeps the choice in a block of the same id, so each search has its own id.
    version = hashlib.sha256(metadata.encode()).hexdigest()[:12]
    is_alone = len(agent_names) == 1
    blocks = [
        _filters(kept, agent_names, version),
        context(
            wording.about(None if is_alone else kept.agent_name, zone, has_day=kept.day is not None)
        ),
    ]
    if screen.calls:
        blocks.append(_calls(screen.calls, zone, version))
    else:
        blocks.append(section(wording.NONE if kept.older is None else wording.NONE_SO_FAR))
    blocks += _turning(kept)
    if not screen.calls:
        return modal(wording.TITLE, blocks, private_metadata=metadata)
    return modal(
        wording.TITLE,
        [*blocks, *_delivery()],
        close="Cancel",
        submit=plain(wording.SEND),
        callback_id=ModalCallback.FIND_CALL.value,
        private_metadata=metadata,
    )


def open_button(agent_name: str = "") -> Block:
    """The button that opens the modal, for an agent or the default one."""
    return button(Action.FIND_CALL, wording.OPEN, agent_name or DEFAULT_AGENT)


def _filters(search: Search, agent_names: Sequence[str], version: str) -> Block:
    elements: list[Block] = []
    if len(agent_names) > 1:
        agents = [option(_agent(name), name) for name in agent_names[:100]]
        elements.append(_menu(Action.FIND_AGENT, agents, search.agent_name))
    day: Block = {
        "type": "datepicker",
        "action_id": Action.FIND_DAY.value,
        "placeholder": plain(wording.PICK_DAY),
    }
    if search.day:
        day["initial_date"] = search.day.isoformat()
    elements.append(day)
    chosen = {None: "any", True: "yes", False: "no"}[search.handoff]
    outcomes = [option(label, value) for value, label in wording.HANDOFFS]
    elements.append(_menu(Action.FIND_HANDOFF, outcomes, chosen))
    if search.day:
        elements.append(button(Action.FIND_ANY_DAY, wording.PICK_DAY, "any"))
    return {**actions(*elements), "block_id": f"filters-{version}"}


def _menu(action: Action, options: list[Block], chosen: str) -> Block:
    menu = {"type": "static_select", "action_id": action.value, "options": options}
    initial = [each for each in options if each["value"] == chosen]
    return {**menu, "initial_option": initial[0]} if initial else menu


def _agent(name: str) -> str:
    return wording.DEFAULT_AGENT if name == DEFAULT_AGENT else name


def _calls(calls: Sequence[CallSummary], zone: ZoneInfo, version: str) -> Block:
    options = [
        {
            **option(wording.when(call, zone), call.conversation_id),
            "description": plain(wording.which(call)),
        }
        for call in calls
    ]
    return {
        "type": "input",
        "block_id": f"{Input.CALL.value}-{version}",
        "label": plain(wording.WHICH),
        "element": {"type": "radio_buttons", "action_id": Input.CALL.value, "options": options},
    }


def _turning(search: Search) -> list[Block]:
    buttons = []
    if not search.is_first:
        buttons.append(button(Action.FIND_NEWER, wording.NEWER, "newer"))
    if search.older is not None:
        buttons.append(button(Action.FIND_OLDER, wording.OLDER, "older"))
    return [actions(*buttons)] if buttons else []


def _delivery() -> list[Block]:
    sides = [option(SIDES[each].capitalize(), each.value) for each in Direction]
    return [
        _input(
            Input.DESTINATION,
            wording.WHERE,
            {
                "type": "conversations_select",
                "default_to_current_conversation": True,
                # Slack counts direct messages with the bot as those of a bot user; keep them.
                "filter": {"exclude_external_shared_channels": True},
            },
        ),
        _input(
            Input.DIRECTION,
            wording.SIDE,
            {"type": "static_select", "options": sides, "initial_option": sides[0]},
        ),
        {
            **_input(
                Input.REDACTED,
                wording.VARIANT,
                {"type": "checkboxes", "options": [option(wording.REDACTED, "redacted")]},
            ),
            "optional": True,
        },
    ]


def _input(name: Input, label: str, element: Block) -> Block:
    return {
        "type": "input",
        "block_id": name.value,
        "label": plain(label),
        "element": {**element, "action_id": name.value},
    }
