"""``table`` and ``data_table`` (docs: "Table block", "Data table block")."""

from collections.abc import Sequence

from bot.sandbox.render.markup import Block, Html, UnrenderableError, join, kind_of, tag
from bot.sandbox.render.reader import Reader
from bot.sandbox.render.rich_text import rich_text

_PAGE_SIZE = 5
_LONGEST_WORD = 20


def table(block: Block, reader: Reader) -> Html:
    """Draw a plain table, with its first row in bold, as in Slack's client."""
    settings = [setting or {} for setting in block.get("column_settings") or ()]
    aligned = [str(setting.get("align", "left")) for setting in settings]
    head, *rows = block["rows"]
    return tag(
        "div",
        tag("table", _row(head, reader, aligned, "th"), *(_row(r, reader, aligned) for r in rows)),
        class_="table",
    )


def data_table(block: Block, reader: Reader) -> Html:
    """Draw the first page of a table, which people can sort and page through in Slack's client."""
    head, *rows = block["rows"]
    size = block.get("page_size", _PAGE_SIZE)
    aligned = [
        "right" if rows and all(row[at]["type"] == "raw_number" for row in rows) else "left"
        for at in range(len(head))
    ]
    shown = rows[:size]
    drawn = tag(
        "table", _row(head, reader, aligned, "th"), *(_row(row, reader, aligned) for row in shown)
    )
    page = f"1\N{EN DASH}{len(shown)} of {len(rows)}"
    below = [tag("div", page, class_="leaf")] if len(rows) > len(shown) else []
    return tag(
        "div", tag("div", str(block["caption"]), class_="caption"), drawn, *below, class_="table"
    )


def _row(cells: Sequence[Block], reader: Reader, aligned: Sequence[str], name: str = "td") -> Html:
    drawn = []
    for at, cell in enumerate(cells):
        look = aligned[at] if at < len(aligned) else "left"
        # Cut if it would push its neighbours out of the page; other cells break at spaces.
        longest = max((len(word) for word in str(cell.get("text", "")).split()), default=0)
        is_long = longest > _LONGEST_WORD
        drawn.append(tag(name, _cell(cell, reader), class_=f"{look} long" if is_long else look))
    return tag("tr", *drawn)


def _cell(cell: Block, reader: Reader) -> Html:
    kind = kind_of(cell, "cell")
    if kind in ("raw_text", "raw_number"):
        return join(str(cell["text"]))
    if kind == "rich_text":
        return rich_text(cell, reader)
    raise UnrenderableError(f"cell: {kind}")
