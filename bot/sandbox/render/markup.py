"""Builds HTML in which text is always escaped."""

from collections.abc import Mapping
from html import escape
from typing import Any

_WITHOUT_END = frozenset({"br", "img", "input", "link", "meta"})


Block = Mapping[str, Any]
"""The JSON of a block of Block Kit, or of a part of one."""


class UnrenderableError(Exception):
    """A block, an element or a file that this renderer cannot draw; it must not be omitted."""


class Html(str):
    """Markup; every other string is text, and is escaped when it is added to markup."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Html:
    """An element; ``class_`` is written ``class``, ``stroke_width`` becomes ``stroke-width``.

    An attribute that is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _WITHOUT_END:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*parts: str) -> Html:
    """The parts one after another; text among them is escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def lines(text: str) -> Html:
    """Text with its line breaks."""
    return Html("<br>".join(escape(line) for line in text.split("\n")))


def hidden(name: str, value: str) -> Html:
    """A field of a form that nobody sees."""
    return tag("input", type="hidden", name=name, value=value)


def kind_of(thing: Any, what: str) -> str:  # noqa: ANN401 - whatever Block Kit's JSON holds
    """The ``type`` of a block or an element.

    Raises:
        UnrenderableError: it has none.
    """
    kind = thing.get("type") if isinstance(thing, dict) else None
    if not isinstance(kind, str):
        raise UnrenderableError(f"{what} without a type")
    return kind
