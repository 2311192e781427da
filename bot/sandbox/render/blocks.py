"""Block Kit's blocks (docs: "Blocks")."""

from collections.abc import Callable, Iterable

from bot.sandbox.render.charts import chart
from bot.sandbox.render.elements import element
from bot.sandbox.render.files import picture
from bot.sandbox.render.markup import Block, Html, UnrenderableError, kind_of, tag
from bot.sandbox.render.mrkdwn import text_object
from bot.sandbox.render.reader import Reader
from bot.sandbox.render.rich_text import rich_text
from bot.sandbox.render.tables import data_table, table


def blocks(drawn: Iterable[Block], reader: Reader) -> Html:
    """Draw the blocks of a message or a view.

    Raises:
        UnrenderableError: a block of an unknown kind, or one that holds something unknown.
    """
    return tag("div", *(_block(each, reader) for each in drawn), class_="blocks")


def _block(drawn: Block, reader: Reader) -> Html:
    draw = _BLOCKS.get(kind_of(drawn, "block"))
    if draw is None:
        raise UnrenderableError(f"block: {drawn['type']}")
    return draw(drawn, reader)


def _section(drawn: Block, reader: Reader) -> Html:
    text, fields, accessory = (drawn.get(name) for name in ("text", "fields", "accessory"))
    parts = [tag("div", text_object(text, reader))] if text else []
    if fields:
        cells = [tag("div", text_object(field, reader)) for field in fields]
        parts.append(tag("div", *cells, class_="fields"))
    aside = []
    if accessory:
        is_image = accessory.get("type") == "image"
        inside = picture(accessory, reader) if is_image else element(accessory, reader)
        aside.append(tag("div", inside, class_="accessory"))
    return tag("div", tag("div", *parts, class_="words"), *aside, class_="section")


def _context(drawn: Block, reader: Reader) -> Html:
    parts = [
        picture(each, reader) if each.get("type") == "image" else text_object(each, reader)
        for each in drawn["elements"]
    ]
    return tag("div", *(tag("span", part) for part in parts), class_="context")


def _header(drawn: Block, reader: Reader) -> Html:
    level = drawn.get("level", 1)
    return tag("div", text_object(drawn["text"], reader), class_=f"header level{level}")


def _actions(drawn: Block, reader: Reader) -> Html:
    placed = ({**each, "block_id": drawn.get("block_id", "")} for each in drawn["elements"])
    return tag("div", *(element(each, reader) for each in placed), class_="actions")


def _input(drawn: Block, reader: Reader) -> Html:
    optional = [tag("span", " (optional)", class_="optional")] if drawn.get("optional") else []
    label = tag("div", text_object(drawn["label"], reader), *optional, class_="label")
    hint = drawn.get("hint")
    below = [tag("div", text_object(hint, reader), class_="hint")] if hint else []
    placed = {
        **drawn["element"],
        "block_id": drawn.get("block_id", ""),
        "waits": not drawn.get("dispatch_action"),
        "name": drawn["label"]["text"],
    }
    return tag("div", label, element(placed, reader), *below, class_="input")


def _image(drawn: Block, reader: Reader) -> Html:
    title = drawn.get("title")
    above = [tag("div", text_object(title, reader), class_="caption")] if title else []
    return tag("div", *above, picture(drawn, reader), class_="image")


def _divider(_drawn: Block, _reader: Reader) -> Html:
    return tag("div", class_="divider")


_BLOCKS: dict[str, Callable[[Block, Reader], Html]] = {
    "section": _section,
    "context": _context,
    "header": _header,
    "divider": _divider,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "rich_text": rich_text,
    "table": table,
    "data_table": data_table,
    "data_visualization": lambda drawn, _reader: chart(drawn),
}
