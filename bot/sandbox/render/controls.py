"""Block Kit's elements as usable form controls."""

import json
from collections.abc import Mapping
from typing import Any

from bot.sandbox.render.markup import Html, UnrenderableError, join, tag
from bot.sandbox.render.mrkdwn import text_object
from bot.sandbox.render.reader import Reader

Element = Mapping[str, Any]
_INPUTS = {"number_input": "number", "url_text_input": "url", "email_text_input": "email"}


def field_name(block_id: str, action_id: str) -> str:
    """Return the name under which a form sends the value of an element."""
    return f"state {block_id} {action_id}"


def control(drawn: Element, reader: Reader) -> Html:
    """Draw an element that can be used.

    Raises:
        UnrenderableError: there is no control for it yet.
    """
    kind = drawn["type"]
    if kind == "button":
        return _button(drawn, reader)
    if kind in ("checkboxes", "radio_buttons"):
        return _choices(drawn, reader)
    if kind == "plain_text_input" or kind in _INPUTS:
        return _field(drawn)
    if kind in ("datepicker", "timepicker"):
        sort = kind.removesuffix("picker")
        value = drawn.get(f"initial_{sort}")
        return tag("input", type=sort, value=value, class_="field", **_common(drawn))
    if kind in ("static_select", "conversations_select", "channels_select", "users_select"):
        return _menu(drawn, reader)
    raise UnrenderableError(f"control: {kind}")


def _common(drawn: Element) -> dict[str, str | None]:
    """Return the attributes of every control; one outside a form is sent at once."""
    sends = None if drawn.get("waits") else ""
    return {
        "name": field_name(drawn.get("block_id", ""), drawn["action_id"]),
        "aria_label": drawn.get("name") or (drawn.get("placeholder") or {}).get("text") or "Choose",
        "data_sends": sends,
        "data_action": json.dumps({"action_id": drawn["action_id"], "type": drawn["type"]}),
    }


def _button(drawn: Element, reader: Reader) -> Html:
    look = f"button {drawn.get('style', '')}".strip()
    words = text_object(drawn["text"], reader)
    if "url" in drawn:
        return tag("a", words, class_=look, href=drawn["url"], rel="noreferrer")
    pressed = {"action_id": drawn.get("action_id", ""), "value": drawn.get("value", "")}
    confirm = drawn.get("confirm")
    return tag(
        "button",
        words,
        type="submit",
        name="pressed",
        value=json.dumps(pressed),
        class_=look,
        data_confirm=confirm["text"]["text"] if confirm else None,
    )


def _menu(drawn: Element, reader: Reader) -> Html:
    if drawn["type"] == "static_select":
        chosen = (drawn.get("initial_option") or {}).get("value")
        options = [(each["value"], each["text"]["text"]) for each in drawn["options"]]
    else:
        of = drawn["type"].removesuffix("s_select")
        chosen = drawn.get(f"initial_{of}")
        options = [
            (key, name) for key, name in reader.names.items() if (key[0] == "U") == (of == "user")
        ]
    placeholder = (drawn.get("placeholder") or {}).get("text") or "Choose…"
    first = [] if chosen else [tag("option", placeholder, value="")]
    drawn_options = [
        tag("option", words, value=value, selected="" if value == chosen else None)
        for value, words in options
    ]
    return tag("select", *first, *drawn_options, class_="select", **_common(drawn))


def _choices(drawn: Element, reader: Reader) -> Html:
    initial = [*drawn.get("initial_options", ()), drawn.get("initial_option")]
    chosen = {each["value"] for each in initial if each}
    sort = "checkbox" if drawn["type"] == "checkboxes" else "radio"
    common = {**_common(drawn), "aria_label": None}
    rows = []
    for option in drawn["options"]:
        is_chosen = "" if option["value"] in chosen else None
        mark = tag("input", type=sort, value=option["value"], checked=is_chosen, **common)
        words = [text_object(option["text"], reader)]
        if option.get("description"):
            words.append(tag("small", text_object(option["description"], reader)))
        rows.append(tag("label", mark, tag("span", *words), class_="choice"))
    return tag("div", *rows)


def _field(drawn: Element) -> Html:
    value = str(drawn.get("initial_value") or "")
    hint = (drawn.get("placeholder") or {}).get("text")
    if drawn.get("multiline"):
        return tag(
            "textarea", join(value), class_="field", placeholder=hint, rows=3, **_common(drawn)
        )
    sort = _INPUTS.get(drawn["type"], "text")
    return tag("input", type=sort, value=value, class_="field", placeholder=hint, **_common(drawn))
