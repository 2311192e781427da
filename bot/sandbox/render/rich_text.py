"""``rich_text`` blocks and cells (docs: "Rich text block")."""

from collections.abc import Callable

from bot.sandbox.render.markup import Block, Html, UnrenderableError, join, kind_of, lines, tag
from bot.sandbox.render.mrkdwn import code, link, mention
from bot.sandbox.render.reader import Reader

_STYLES = {"bold": "strong", "italic": "em", "strike": "s"}


def rich_text(block: Block, reader: Reader) -> Html:
    """Draw the block's paragraphs, lists, quotes and code.

    Raises:
        UnrenderableError: it contains an element of another kind.
    """
    return tag("div", *(_paragraph(each, reader) for each in block["elements"]), class_="rich")


def _paragraph(element: Block, reader: Reader) -> Html:
    kind = kind_of(element, "rich_text")
    if kind == "rich_text_list":
        items = [tag("li", _paragraph(item, reader)) for item in element["elements"]]
        return tag("ol" if element.get("style") == "ordered" else "ul", *items)
    name = {
        "rich_text_section": "div",
        "rich_text_quote": "blockquote",
        "rich_text_preformatted": "pre",
    }.get(kind)
    if name is None:
        raise UnrenderableError(f"rich_text: {kind}")
    return tag(name, *(_span(each, reader) for each in element["elements"]))


def _span(element: Block, reader: Reader) -> Html:
    draw = _SPANS.get(kind_of(element, "rich_text"))
    if draw is None:
        raise UnrenderableError(f"rich_text: {element['type']}")
    drawn = draw(element, reader)
    style = element.get("style") or {}
    if style.get("code"):
        drawn = code(drawn)
    for name, wrapper in _STYLES.items():
        if style.get(name):
            drawn = tag(wrapper, drawn)
    return drawn


_SPANS: dict[str, Callable[[Block, Reader], Html]] = {
    "text": lambda element, _: lines(str(element["text"])),
    "link": lambda element, _: link(str(element["url"]), str(element.get("text", element["url"]))),
    "user": lambda element, reader: mention(f"@{reader.name(element['user_id'])}"),
    "channel": lambda element, reader: mention(f"#{reader.name(element['channel_id'])}"),
    "usergroup": lambda element, reader: mention(f"@{reader.name(element['usergroup_id'])}"),
    "date": lambda element, reader: join(
        reader.written_date(int(element["timestamp"]), str(element["format"]))
    ),
}
