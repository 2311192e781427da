"""Pages with opaque cursors, each valid for one list only."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from bot.sandbox.method import Arguments, RefusalError

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 999  # docs: "under 1,000"
_Item = TypeVar("_Item")


def page(arguments: Arguments, items: Sequence[_Item], label: str) -> tuple[list[_Item], str]:
    """Return one page, and the cursor of the next; ``label`` ties a cursor to its list."""
    limit = arguments.number("limit", _DEFAULT_PAGE) or _DEFAULT_PAGE
    if not 1 <= limit <= _LARGEST_PAGE:
        raise RefusalError("invalid_limit")
    start = _offset(arguments.text("cursor"), label)
    following = start + limit
    token = base64.b64encode(f"next:{label}:{following}".encode()).decode()
    return list(items[start:following]), token if following < len(items) else ""


def _offset(cursor: str, label: str) -> int:
    if not cursor:
        return 0
    try:
        word, owner, number = base64.b64decode(cursor, validate=True).decode().split(":")
        offset = int(number)
    except (binascii.Error, ValueError):
        raise RefusalError("invalid_cursor") from None
    if word != "next" or owner != label:
        raise RefusalError("invalid_cursor")
    return offset
