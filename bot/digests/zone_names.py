"""Time zones as people type them: IANA names in any case, with suggestions for mistakes."""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from bot.errors import UsageError, quoted

ZONE_LIKE: Final = re.compile(r"[A-Za-z]{3,}(?:/[A-Za-z_-]{2,})+")
REGIONS: Final = frozenset(
    {
        *("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian"),
        "Pacific",
    }
)
"""Names outside these regions are old spellings, such as `Singapore` and `US/Pacific`."""


class ZoneUnknown(UsageError):
    """The word is not the name of a time zone."""

    code = "zone_unknown"
    fix = "Type a time zone of the IANA database, such as `Europe/London` or `America/New_York`."


def zone_of(name: str) -> ZoneInfo:
    """Find a zone by its IANA name, in any case.

    Raises:
        ZoneUnknown: there is no such zone.
    """
    found = _zones().get(name.lower())
    if found is None:
        near = _near(name, likeness=0.6)
        cause = f"Did you mean `{near}`?" if near else None
        raise ZoneUnknown(what=f"I do not know the time zone {quoted(name)}.", likely_cause=cause)
    return ZoneInfo(found)


def is_zone(word: str) -> bool:
    """Return whether a word is the name of a zone."""
    return word.lower() in _zones()


def is_meant_as_zone(word: str) -> bool:
    """Return whether a word is probably a mistyped zone: `Europe/Lodnon`, `London`."""
    return bool(ZONE_LIKE.fullmatch(word)) or _near(word, likeness=0.85) is not None


def _near(word: str, *, likeness: float) -> str | None:
    """Find the zone with the most similar name or city."""
    by_name = {**_cities(), **_zones()}
    near = difflib.get_close_matches(word.lower(), by_name, n=1, cutoff=likeness)
    return by_name[near[0]] if near else None


@cache
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


@cache
def _cities() -> Mapping[str, str]:
    return {
        name.rpartition("/")[2].lower(): name
        for name in sorted(available_timezones(), reverse=True)
        if name.partition("/")[0] in REGIONS
    }
