"""Invisible characters: removed from typed text, escaped on terminals."""

import unicodedata
from typing import Final

# Not in the format category, but also invisible.
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
_FULL_WIDTH: Final = range(0xFF01, 0xFF5F)


def without_control(text: str) -> str:
    """Remove control characters other than white space: PostgreSQL refuses NUL in a text."""
    return "".join(each for each in text if each.isspace() or unicodedata.category(each) != "Cc")


def made_plain(text: str) -> str:
    """Remove invisible characters, and replace dashes and full-width forms by ASCII ones.

    For ids and words of a command, which are ASCII; not for free text.
    """
    return "".join(map(_plain, text))


def printable(text: str, *, keep: str = "\n") -> str:
    r"""Escape characters that control a terminal, as ``\x1b`` or ``\u202e``, except ``keep``.

    Control characters move the cursor and change colours; some format characters reverse text.
    """
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode()
        for each in text
    )


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace():
        return character
    if category in {"Cf", "Cc"} or character in _FILLERS:
        return ""
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if ord(character) in _FULL_WIDTH:
        return chr(ord(character) - 0xFEE0)
    return character
