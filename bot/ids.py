"""Ids: random ones that people read out and search for in logs, and the form of PolyAI's."""

import re
import secrets
from string import ascii_lowercase
from typing import Final

_OPAQUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}")


def new_id(prefix: str, length: int) -> str:
    """Make an id of ``length`` letters after the prefix.

    Letters only, because logs mask nine digits in a row as a phone number.
    """
    return prefix + "".join(secrets.choice(ascii_lowercase) for _ in range(length))


def is_safe_identifier(text: str) -> bool:
    """Whether ``text`` has the form of a PolyAI id and no path in it."""
    return _OPAQUE.fullmatch(text) is not None and ".." not in text
