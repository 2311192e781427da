"""Limits of tables and charts, from Slack's documentation of Block Kit."""

from collections.abc import Mapping
from typing import Any

Block = Mapping[str, Any]

_TABLE_ROWS = 100
_DATA_TABLE_ROWS = 201  # a header and up to 200 rows
_COLUMNS = 20
_PAGE_SIZE = 100
_PIE_SEGMENTS = 12
_SERIES = 12
_POINTS = 20
_LABEL = 20
_TITLE = 50


def check_table(block: Block) -> list[str]:
    """Return the breaches of a ``table``'s limits."""
    rows, found = _rows(block, most=_TABLE_ROWS)
    settings = block.get("column_settings") or []
    for setting in settings:
        aligned = setting is None or setting.get("align", "left") in ("left", "center", "right")
        found += [] if aligned else ["column_settings: unknown align"]
    if len(settings) > _COLUMNS:
        found.append("column_settings: too many")
    return found + _check_cells(rows)


def check_data_table(block: Block) -> list[str]:
    """Return the breaches of a ``data_table``'s limits."""
    rows, found = _rows(block, most=_DATA_TABLE_ROWS, least=2)
    if not isinstance(block.get("caption"), str) or not block["caption"]:
        found.append("caption: missing")
    if not 1 <= block.get("page_size", 5) <= _PAGE_SIZE:
        found.append("page_size: not 1 to 100")
    if not 0 <= block.get("row_header_column_index", 0) < min(map(len, rows), default=1):
        found.append("row_header_column_index: no such column")
    if len({len(row) for row in rows}) > 1:
        found.append("rows: not all equally long")
    if rows and any(cell.get("type") == "rich_text" for cell in rows[0]):
        found.append("rows: rich_text in the header")
    return found + _check_cells(rows)


def check_chart(block: Block) -> list[str]:
    """Return the breaches of a ``data_visualization``'s limits."""
    chart, title = block.get("chart"), block.get("title")
    found = [] if isinstance(title, str) and 1 <= len(title) <= _TITLE else ["title: not 1 to 50"]
    if not isinstance(chart, dict):
        return [*found, "chart: missing"]
    if chart.get("type") == "pie":
        return found + _check_pie(chart.get("segments") or [])
    if chart.get("type") in ("bar", "line", "area"):
        return found + _check_series(chart)
    return [*found, f"chart: unknown type {chart.get('type')!r}"]


def characters(cell: object) -> int:
    """Count the characters that a cell shows, including those in rich text."""
    if isinstance(cell, list):
        return sum(characters(part) for part in cell)
    if not isinstance(cell, dict):
        return 0
    return len(str(cell.get("text", ""))) + characters(cell.get("elements"))


def _rows(block: Block, *, most: int, least: int = 1) -> tuple[list[list[Block]], list[str]]:
    rows = block.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return [], ["rows: not a list of lists"]
    found = [] if least <= len(rows) <= most else [f"rows: not {least} to {most}"]
    wide = [row for row in rows if not 1 <= len(row) <= _COLUMNS]
    return rows, [*found, *([f"rows: not 1 to {_COLUMNS} columns"] if wide else [])]


def _check_cells(rows: list[list[Block]]) -> list[str]:
    found = []
    for at, row in enumerate(rows):
        for cell in row:
            kind, text = cell.get("type"), cell.get("text")
            if kind not in ("raw_text", "raw_number", "rich_text"):
                found.append(f"rows/{at}: unknown cell {kind!r}")
            elif kind != "rich_text" and not (isinstance(text, str) and text):
                found.append(f"rows/{at}: a cell needs at least one character")
            elif kind == "raw_number" and not _is_number(cell.get("value")):
                found.append(f"rows/{at}: raw_number without a number")
            elif kind == "rich_text" and not isinstance(cell.get("elements"), list):
                found.append(f"rows/{at}: rich_text without elements")
    return found


def _check_pie(segments: list[Block]) -> list[str]:
    found = [] if 1 <= len(segments) <= _PIE_SEGMENTS else ["segments: not 1 to 12"]
    for segment in segments:
        found += _check_label(segment.get("label"), "segment")
        if not (_is_number(segment.get("value")) and segment["value"] > 0):
            found.append("segments: a value is not above 0")
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_series(chart: Block) -> list[str]:
    series, axis = chart.get("series") or [], chart.get("axis_config") or {}
    categories = axis.get("categories") or []
    found = [] if 1 <= len(series) <= _SERIES else ["series: not 1 to 12"]
    found += [] if 1 <= len(categories) <= _POINTS else ["categories: not 1 to 20"]
    for category in categories:
        found += _check_label(category, "category")
    if len({str(category) for category in categories}) != len(categories):
        found.append("categories: one is used twice")
    for name in ("x_label", "y_label"):
        found += [] if len(str(axis.get(name, ""))) <= _TITLE else [f"{name}: above 50 characters"]
    if len({one.get("name") for one in series}) != len(series):
        found.append("series: a name is used twice")
    for one in series:
        found += _check_label(one.get("name"), "series")
        points = one.get("data") or []
        if sorted(point.get("label", "") for point in points) != sorted(categories):
            found.append("series: not exactly one point per category")
        if not all(_is_number(point.get("value")) for point in points):
            found.append("series: a value is no number")
    return found


def _check_label(label: object, where: str) -> list[str]:
    fits = isinstance(label, str) and 1 <= len(label) <= _LABEL
    return [] if fits else [f"{where}: a label is not 1 to 20 characters"]
