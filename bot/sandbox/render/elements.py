"""Buttons, menus and fields (docs: "Block elements")."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.sandbox.render.controls import control
from bot.sandbox.render.markup import Html, UnrenderableError, join, kind_of, tag
from bot.sandbox.render.mrkdwn import text_object
from bot.sandbox.render.reader import Reader

Element = Mapping[str, Any]


def element(drawn: Element, reader: Reader) -> Html:
    """Draw a button, a menu or a field; usable if the reader can act.

    Raises:
        UnrenderableError: an element of another kind.
    """
    draw = _ELEMENTS.get(kind_of(drawn, "element"))
    if draw is not None and reader.acts:
        return control(drawn, reader)
    if draw is None:
        raise UnrenderableError(f"element: {drawn['type']}")
    return draw(drawn, reader)


def _button(drawn: Element, reader: Reader) -> Html:
    look = f"button {drawn.get('style', '')}".strip()
    return tag("span", text_object(drawn["text"], reader), class_=look)


def _menu(drawn: Element, reader: Reader) -> Html:
    chosen = _chosen(drawn, reader)
    if chosen:
        return tag("span", tag("span", *chosen), _CHEVRON, class_="select")
    placeholder = drawn.get("placeholder")
    words = text_object(placeholder, reader) if placeholder else join("Select an item")
    return tag("span", tag("span", words, class_="placeholder"), _CHEVRON, class_="select")


def _chosen(drawn: Element, reader: Reader) -> list[Html]:
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


def _picker(drawn: Element, reader: Reader) -> Html:
    value, placeholder = drawn.get("initial_date") or drawn.get("initial_time"), None
    if value is None:
        placeholder = drawn.get("placeholder") or {"type": "plain_text", "text": "Select"}
    words = text_object(placeholder, reader) if placeholder else join(str(value))
    look = "placeholder" if placeholder else None
    return tag("span", tag("span", words, class_=look), _CHEVRON, class_="select")


def _overflow(_drawn: Element, _reader: Reader) -> Html:
    return tag("span", *(tag("i") for _ in range(3)), class_="button overflow")


def _choices(drawn: Element, reader: Reader) -> Html:
    shape = "check" if drawn["type"] == "checkboxes" else "radio"
    initial = [*drawn.get("initial_options", ()), drawn.get("initial_option")]
    chosen = {each["value"] for each in initial if each}
    rows = []
    for option in drawn["options"]:
        mark = f"{shape} chosen" if option["value"] in chosen else shape
        about = option.get("description")
        words = [text_object(option["text"], reader)]
        if about:
            words.append(tag("small", text_object(about, reader)))
        rows.append(tag("div", tag("i", class_=mark), tag("span", *words), class_="choice"))
    return tag("div", *rows)


def _field(drawn: Element, reader: Reader) -> Html:
    value, placeholder = drawn.get("initial_value"), drawn.get("placeholder")
    inside = join(str(value)) if value else Html("&nbsp;")
    if not value and placeholder:
        inside = tag("span", text_object(placeholder, reader), class_="placeholder")
    return tag("div", inside, class_="field tall" if drawn.get("multiline") else "field")


_CHEVRON = tag(
    "svg",
    tag("path", d="M3 5.5 7 9.5 11 5.5", fill="none", stroke="currentColor", stroke_width=1.6),
    viewBox="0 0 14 14",
    class_="chevron",
)
_MENUS = [
    f"{many}{of}_select"
    for many in ("", "multi_")
    for of in ("static", "external", "users", "conversations", "channels")
]
_ELEMENTS: dict[str, Callable[[Element, Reader], Html]] = {
    "button": _button,
    "overflow": _overflow,
    "datepicker": _picker,
    "timepicker": _picker,
    "checkboxes": _choices,
    "radio_buttons": _choices,
    "plain_text_input": _field,
    "number_input": _field,
    "url_text_input": _field,
    "email_text_input": _field,
    **dict.fromkeys(_MENUS, _menu),
}
