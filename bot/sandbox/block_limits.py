"""Block Kit's documented limits, which Slack enforces with ``invalid_blocks``."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from bot.sandbox.table_limits import characters, check_chart, check_data_table, check_table

Surface = Literal["message", "modal", "home"]
Block = Mapping[str, Any]

_BLOCKS_PER_SURFACE = {"message": 50, "modal": 100, "home": 100}
_ID_LENGTH = 255
_TABLE_CHARACTERS = {"table": 10_000, "data_table": 20_000}
_CHARTS_PER_MESSAGE = 2
_NO_PLACEHOLDER = {"type": "plain_text", "text": "Select"}
_MARKDOWN_CHARACTERS = 12_000


def problems(
    blocks: object, surface: Surface = "message", unknown: frozenset[str] = frozenset()
) -> list[str]:
    """Return every breach of a limit with its place; an empty list for a valid message.

    Blocks of the types in ``unknown`` are refused, as in a workspace that does not have them yet.
    """
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return ["blocks: not a list of objects"]
    found: list[str] = []
    if len(blocks) > _BLOCKS_PER_SURFACE[surface]:
        found.append(f"blocks: more than {_BLOCKS_PER_SURFACE[surface]}")
    for at, block in enumerate(blocks):
        found += [f"/blocks/{at}: {problem}" for problem in _check_block(block, surface)]
    found += [
        f"{block['type']} is unknown here" for block in blocks if block.get("type") in unknown
    ]
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(ids) != len(set(ids)):
        found.append("blocks: a block_id is used twice")
    return found + _check_totals(blocks)


def _check_block(block: Block, surface: Surface) -> list[str]:
    kind = block.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        return [f"type {kind!r} is unknown, or not for apps"]
    if surface not in _SURFACES.get(str(kind), ("message", "modal", "home")):
        return [f"{kind} is not for a {surface}"]
    return _check_length(block, "block_id", _ID_LENGTH, least=0) + check(block)


def _check_totals(blocks: list[Block]) -> list[str]:
    found = []
    for kind, limit in _TABLE_CHARACTERS.items():
        cells = [
            c for b in blocks if b.get("type") == kind for row in b.get("rows", []) for c in row
        ]
        if sum(characters(cell) for cell in cells) > limit:
            found.append(f"{kind}: more than {limit} characters in the message")
    if sum(block.get("type") == "data_visualization" for block in blocks) > _CHARTS_PER_MESSAGE:
        found.append(f"data_visualization: more than {_CHARTS_PER_MESSAGE} in the message")
    markdown = [len(str(b.get("text", ""))) for b in blocks if b.get("type") == "markdown"]
    if sum(markdown) > _MARKDOWN_CHARACTERS:
        found.append(f"markdown: more than {_MARKDOWN_CHARACTERS} characters in the message")
    return found


def _check_length(holder: Block, name: str, most: int, *, least: int = 1) -> list[str]:
    value = holder.get(name, "")
    if not isinstance(value, str) or not least <= len(value) <= most:
        return [f"{name}: not a text of {least} to {most} characters"]
    return []


def _check_text(value: object, most: int, kinds: tuple[str, ...] = ("plain_text",)) -> list[str]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return [f"text: not one of {', '.join(kinds)}"]
    return _check_length(value, "text", most)


_ANY_TEXT = ("plain_text", "mrkdwn")


def _check_section(block: Block) -> list[str]:
    text, fields = block.get("text"), block.get("fields")
    found = [] if text or fields else ["section: neither text nor fields"]
    if text is not None:
        found += _check_text(text, 3000, _ANY_TEXT)
    if fields is not None:
        found += [] if 1 <= len(fields) <= 10 else ["fields: not 1 to 10"]  # noqa: PLR2004 - Slack's figures
        found += [p for field in fields for p in _check_text(field, 2000, _ANY_TEXT)]
    return found + (_check_element(block["accessory"]) if "accessory" in block else [])


def _check_header(block: Block) -> list[str]:
    level = block.get("level", 1)
    found = [] if level in (1, 2, 3, 4) else ["level: not 1 to 4"]
    return found + _check_text(block.get("text"), 150)


def _check_context(block: Block) -> list[str]:
    elements = block.get("elements") or []
    found = [] if 1 <= len(elements) <= 10 else ["elements: not 1 to 10"]  # noqa: PLR2004 - Slack's figures
    texts = [element for element in elements if element.get("type") != "image"]
    return found + [p for text in texts for p in _check_text(text, 3000, _ANY_TEXT)]


def _check_actions(block: Block) -> list[str]:
    elements = block.get("elements") or []
    found = [] if 1 <= len(elements) <= 25 else ["elements: not 1 to 25"]  # noqa: PLR2004 - Slack's figures
    ids = [element.get("action_id") for element in elements if element.get("action_id")]
    found += [] if len(ids) == len(set(ids)) else ["elements: an action_id is used twice"]
    return found + [problem for element in elements for problem in _check_element(element)]


def _check_input(block: Block) -> list[str]:
    return _check_text(block.get("label"), 2000) + _check_element(block.get("element"))


def _check_element(element: object) -> list[str]:
    if not isinstance(element, dict) or not isinstance(element.get("type"), str):
        return ["element: no type"]
    found = _check_length(element, "action_id", _ID_LENGTH, least=0)
    if element["type"] == "button":
        found += _check_text(element.get("text"), 75)
        found += _check_length(element, "value", 2000, least=0)
        if element.get("style") not in (None, "primary", "danger"):
            found.append("style: neither primary nor danger")
    if "confirm" in element:
        found += _check_confirm(element["confirm"])
    if element["type"].endswith("select"):
        found += _check_text(element.get("placeholder", _NO_PLACEHOLDER), 150)
    if element["type"].endswith("select") and "options" in element:
        found += _check_options(element["options"])
    if element["type"] in ("radio_buttons", "checkboxes"):
        found += _check_options(element.get("options"), most=10)
    if element["type"] == "datepicker" and "initial_date" in element:
        found += _check_date(element["initial_date"])
    return found


def _check_confirm(dialog: object) -> list[str]:
    if not isinstance(dialog, dict):
        return ["confirm: not an object"]
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    return [
        f"confirm: {problem}"
        for name, most in limits.items()
        for problem in _check_text(dialog.get(name), most)
    ]


def _check_date(date: object) -> list[str]:
    matches = isinstance(date, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date)
    return [] if matches else ["initial_date: not YYYY-MM-DD"]


def _check_options(options: object, most: int = 100) -> list[str]:
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        return [f"options: not 1 to {most}"]
    values = [option.get("value") for option in options]
    found = [] if len(values) == len(set(values)) else ["options: a value is used twice"]
    found += [p for o in options if "description" in o for p in _check_text(o["description"], 75)]
    found += [p for option in options for p in _check_text(option.get("text"), 75, _ANY_TEXT)]
    return found + [p for option in options for p in _check_length(option, "value", 150)]


def _check_image(block: Block) -> list[str]:
    url, file = block.get("image_url"), block.get("slack_file")
    if (url is None) == (file is None):
        return ["image: needs either image_url or slack_file"]
    found = _check_length(block, "alt_text", 2000)
    if url is not None:
        found += _check_length(block, "image_url", 3000)
    elif not isinstance(file, dict) or bool(file.get("id")) == bool(file.get("url")):
        found.append("slack_file: needs either id or url")
    if "title" in block:
        found += _check_text(block["title"], 2000)
    return found


def _check_rich_text(block: Block) -> list[str]:
    return [] if isinstance(block.get("elements"), list) else ["elements: missing"]


def _check_nothing(_block: Block) -> list[str]:
    return []


_CHECKS: dict[str, Callable[[Block], list[str]]] = {
    "section": _check_section,
    "header": _check_header,
    "divider": _check_nothing,
    "context": _check_context,
    "actions": _check_actions,
    "input": _check_input,
    "image": _check_image,
    "rich_text": _check_rich_text,
    "markdown": lambda block: _check_length(block, "text", _MARKDOWN_CHARACTERS),
    "alert": lambda block: _check_text(block.get("text"), 3000, _ANY_TEXT),
    "table": check_table,
    "data_table": check_data_table,
    "data_visualization": check_chart,
}
_SURFACES: dict[str, tuple[str, ...]] = {
    "alert": ("modal",),
    "table": ("message", "home"),
    "data_table": ("message", "home"),
    "data_visualization": ("message",),
}
