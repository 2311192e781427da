"""Builders of Block Kit elements (docs: "Block Kit reference")."""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.slack.identifiers import Action, Input

Block = dict[str, Any]
Message = dict[str, Any]
"""``text`` for notifications and old clients, and the ``blocks`` that replace it."""
View = dict[str, Any]


def plain(text: str) -> Block:
    """Plain text without links, mentions and emoji, for text that other people typed."""
    return {"type": "plain_text", "text": text, "emoji": False}


def section(text: str) -> Block:
    """A paragraph of mrkdwn; the caller escapes external text."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def fields(values: Mapping[str, str | None]) -> Block:
    """A paragraph of two columns: each name in bold above its value; none without a value."""
    texts = [f"*{name}*\n{value}" for name, value in values.items() if value]
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in texts]}


def quotation(text: str) -> Block:
    """A quotation of a person's words, without mentions and links."""
    return {"type": "section", "text": plain(text)}


def context(text: str) -> Block:
    """A small line of mrkdwn."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def button(action: Action, label: str, value: str, **style: Any) -> Block:  # noqa: ANN401 - Block Kit's own options
    """A button that sends ``value`` back."""
    return {
        "type": "button",
        "action_id": action.value,
        "text": plain(label),
        "value": value,
        **style,
    }


def menu(action: Action, label: str, options: Iterable[Block]) -> Block:
    """A menu that sends the value of the chosen option back."""
    return {
        "type": "static_select",
        "action_id": action.value,
        "placeholder": plain(label),
        "options": list(options),
    }


def confirmation(title: str, question: str, *, yes: str, no: str) -> Block:
    """The dialog in which Slack asks for confirmation."""
    return {
        "title": plain(title),
        "text": plain(question),
        "confirm": plain(yes),
        "deny": plain(no),
        "style": "danger",
    }


def actions(*elements: Block) -> Block:
    """A row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def option(label: str, value: str) -> Block:
    """One choice of a menu."""
    return {"text": plain(label), "value": value}


def field(name: Input | Action, label: str, element: Block, **more: Any) -> Block:  # noqa: ANN401 - Block Kit's own options
    """A field of a form; ``payloads.field_of`` reads its input by ``name``."""
    return {
        "type": "input",
        "block_id": name.value,
        "label": plain(label),
        "element": {**element, "action_id": name.value},
        **more,
    }


def modal(title: str, blocks: Iterable[Block], *, close: str = "Close", **more: Any) -> View:  # noqa: ANN401 - Block Kit's own options
    """A modal; ``more`` are fields of the view, such as ``callback_id``, as Slack names them."""
    return {
        "type": "modal",
        "title": plain(title),
        "close": plain(close),
        "blocks": list(blocks),
        **more,
    }


def notice(text: str) -> View:
    """A modal with a text only."""
    return modal("callaudio", [section(text)])
