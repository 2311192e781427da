"""Buttons, menus and fields, only drawn or as usable form controls (docs: "Block elements")."""

import json
from collections.abc import Callable

from bot.sandbox.render.markup import Block, Html, UnrenderableError, join, kind_of, tag
from bot.sandbox.render.mrkdwn import text_object
from bot.sandbox.render.reader import Reader


def element(drawn: Block, reader: Reader) -> Html:
    """Draw a button, a menu or a field; usable if the reader can act.

    Raises:
        UnrenderableError: an element of another kind, or one without a usable control yet.
    """
    kind = kind_of(drawn, "element")
    draw = _ELEMENTS.get(kind)
    if draw is None or (reader.acts and kind in _ONLY_DRAWN):
        raise UnrenderableError(f"element: {kind}")
    return draw(drawn, reader)


def field_name(block_id: str, action_id: str) -> str:
    """Return the name under which a form sends the value of an element."""
    return f"state {block_id} {action_id}"


def _common(drawn: Block) -> dict[str, str | None]:
    """Return the attributes of every control; one outside a form is sent at once."""
    return {
        "name": field_name(drawn.get("block_id", ""), drawn["action_id"]),
        "aria_label": drawn.get("name") or _placeholder(drawn) or "Choose",
        "data_sends": None if drawn.get("waits") else "",
        "data_action": json.dumps({"action_id": drawn["action_id"], "type": drawn["type"]}),
    }


def _placeholder(drawn: Block) -> str | None:
    return (drawn.get("placeholder") or {}).get("text")


def _button(drawn: Block, reader: Reader) -> Html:
    look = f"button {drawn.get('style', '')}".strip()
    words = text_object(drawn["text"], reader)
    if not reader.acts:
        return tag("span", words, class_=look)
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


def _menu(drawn: Block, reader: Reader) -> Html:
    if reader.acts:
        return _usable_menu(drawn, reader)
    chosen = _chosen(drawn, reader)
    if chosen:
        return tag("span", tag("span", *chosen), _CHEVRON, class_="select")
    placeholder = drawn.get("placeholder")
    words = text_object(placeholder, reader) if placeholder else join("Select an item")
    return tag("span", tag("span", words, class_="placeholder"), _CHEVRON, class_="select")


def _chosen(drawn: Block, reader: Reader) -> list[Html]:
    if "initial_option" in drawn:
        return [text_object(drawn["initial_option"]["text"], reader)]
    chips = [text_object(each["text"], reader) for each in drawn.get("initial_options", ())]
    for kind, sign in (("conversation", "#"), ("channel", "#"), ("user", "@")):
        one = [drawn[f"initial_{kind}"]] if f"initial_{kind}" in drawn else []
        chips += [
            join(("@" if each[0] in "UW" else sign) + reader.name(each))
            for each in (*one, *drawn.get(f"initial_{kind}s", ()))
        ]
    return [tag("span", chip, class_="chip") for chip in chips]


def _usable_menu(drawn: Block, reader: Reader) -> Html:
    if drawn["type"] == "static_select":
        chosen = (drawn.get("initial_option") or {}).get("value")
        choices = [(each["value"], each["text"]["text"]) for each in drawn["options"]]
    else:
        of = drawn["type"].removesuffix("s_select")
        chosen = drawn.get(f"initial_{of}")
        choices = [
            (key, name) for key, name in reader.names.items() if (key[0] == "U") == (of == "user")
        ]
    first = [] if chosen else [tag("option", _placeholder(drawn) or "Choose…", value="")]
    options = [
        tag("option", words, value=value, selected="" if value == chosen else None)
        for value, words in choices
    ]
    return tag("select", *first, *options, class_="select", **_common(drawn))


def _picker(drawn: Block, reader: Reader) -> Html:
    sort = drawn["type"].removesuffix("picker")
    value = drawn.get(f"initial_{sort}")
    if reader.acts:
        return tag("input", type=sort, value=value, class_="field", **_common(drawn))
    if value is not None:
        return tag("span", tag("span", str(value)), _CHEVRON, class_="select")
    placeholder = drawn.get("placeholder") or {"type": "plain_text", "text": "Select"}
    words = text_object(placeholder, reader)
    return tag("span", tag("span", words, class_="placeholder"), _CHEVRON, class_="select")


def _overflow(_drawn: Block, _reader: Reader) -> Html:
    return tag("span", *(tag("i") for _ in range(3)), class_="button overflow")


def _choices(drawn: Block, reader: Reader) -> Html:
    is_many = drawn["type"] == "checkboxes"
    initial = [*drawn.get("initial_options", ()), drawn.get("initial_option")]
    chosen = {each["value"] for each in initial if each}
    rows = []
    for option in drawn["options"]:
        is_chosen = option["value"] in chosen
        words = [text_object(option["text"], reader)]
        if option.get("description"):
            words.append(tag("small", text_object(option["description"], reader)))
        if reader.acts:
            mark = tag(
                "input",
                type="checkbox" if is_many else "radio",
                value=option["value"],
                checked="" if is_chosen else None,
                **{**_common(drawn), "aria_label": None},
            )
        else:
            shape = "check" if is_many else "radio"
            mark = tag("i", class_=f"{shape} chosen" if is_chosen else shape)
        row = "label" if reader.acts else "div"
        rows.append(tag(row, mark, tag("span", *words), class_="choice"))
    return tag("div", *rows)


def _field(drawn: Block, reader: Reader) -> Html:
    value, is_tall = str(drawn.get("initial_value") or ""), drawn.get("multiline")
    if reader.acts:
        common = {"class_": "field", "placeholder": _placeholder(drawn), **_common(drawn)}
        if is_tall:
            return tag("textarea", value, rows=3, **common)
        sort = _FIELD_TYPES[drawn["type"]]
        return tag("input", type=sort, value=value, **common)
    inside = join(value) if value else Html("&nbsp;")
    if not value and drawn.get("placeholder"):
        inside = tag("span", text_object(drawn["placeholder"], reader), class_="placeholder")
    return tag("div", inside, class_="field tall" if is_tall else "field")


_CHEVRON = tag(
    "svg",
    tag("path", d="M3 5.5 7 9.5 11 5.5", fill="none", stroke="currentColor", stroke_width=1.6),
    viewBox="0 0 14 14",
    class_="chevron",
)
_FIELD_TYPES = {
    "plain_text_input": "text",
    "number_input": "number",
    "url_text_input": "url",
    "email_text_input": "email",
}
_MENUS = [f"{of}_select" for of in ("static", "users", "conversations", "channels")]
_DRAWN_MENUS = ["external_select", "multi_external_select", *(f"multi_{each}" for each in _MENUS)]
_ONLY_DRAWN = {"overflow", *_DRAWN_MENUS}
_ELEMENTS: dict[str, Callable[[Block, Reader], Html]] = {
    "button": _button,
    "overflow": _overflow,
    "datepicker": _picker,
    "timepicker": _picker,
    "checkboxes": _choices,
    "radio_buttons": _choices,
    **dict.fromkeys(_FIELD_TYPES, _field),
    **dict.fromkeys((*_MENUS, *_DRAWN_MENUS), _menu),
}
