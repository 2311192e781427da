"""Characters that readers do not see, taken out of what people type."""

import unicodedata
from typing import Final

# Not of the format category, and yet drawn as nothing.
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
_FULL_WIDTH: Final = range(0xFF01, 0xFF5F)


def without_control(text: str) -> str:
    """Take out control characters other than white space: PostgreSQL refuses NUL in a text."""
    return "".join(each for each in text if each.isspace() or unicodedata.category(each) != "Cc")


def made_plain(text: str) -> str:
    """Take out invisible characters; make dashes and full-width forms the ASCII ones.

    For ids and words of a command, which are ASCII: not for what people write to one another.
    """
    return "".join(map(_plain, text))


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
