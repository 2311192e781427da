"""Parses the text of `/callaudio-admin digest …`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.digests.digest import DigestKind
from bot.digests.digest_draft import Draft, new_draft_id, usual_agent
from bot.digests.zone_names import is_meant_as_zone, is_zone, zone_of
from bot.errors import UsageError, quoted
from bot.recordings.references.typed_words import plain_word
from bot.slack.recordings.command_text import channel_of

MOST_COMPARED_WORDS: Final = 20
"""Each is compared with a thousand names of zones, which blocks all other answers."""


class DigestUsage(UsageError):
    """A command about digests that cannot be parsed."""

    code = "digest_usage"
    fix = (
        "Type for instance `/callaudio-admin digest add calls #channel at 09:00 mon-fri "
        "Europe/London`; `/callaudio-admin help` shows all commands."
    )


class DigestVerb(StrEnum):
    """An operation on one digest."""

    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class ListDigests:
    """`digest list`."""


@dataclass(frozen=True, slots=True)
class ChangeDigest:
    """`digest pause|resume|remove|run <id>`."""

    verb: DigestVerb
    digest_id: str


DigestCommand = Draft | ListDigests | ChangeDigest
"""A draft: `digest add calls|access #channel [at] <timetable> <zone> [agent]`."""


def parse_digest_command(words: list[str]) -> DigestCommand:
    """Parse the words after `digest`.

    Raises:
        UsageError: they cannot be parsed.
    """
    match [word.lower() for word in words[:1]], words[1:]:
        case ["list"], []:
            return ListDigests()
        case ["add"], [kind, channel, *rest]:
            return _draft(kind, channel, rest)
        case [("pause" | "resume" | "remove" | "run") as verb], [digest_id]:
            return ChangeDigest(DigestVerb(verb), plain_word(digest_id).lower())
    raise DigestUsage(what=f"I cannot read {quoted(' '.join(['digest', *words]))}.")


def _first(is_wanted: Callable[[str], bool], words: list[str]) -> int | None:
    return next((number for number, word in enumerate(words) if is_wanted(word)), None)


def _draft(kind_word: str, channel: str, rest: list[str]) -> Draft:
    if kind_word.lower() not in list(DigestKind):
        raise DigestUsage(what=f"{quoted(kind_word)} is no digest; there are `calls` and `access`.")
    channel_id = channel_of(plain_word(channel))
    if channel_id is None:
        raise DigestUsage(
            what=f"{quoted(channel)} is no channel.",
            fix="Choose the channel from the list that opens after `#`, or paste its id.",
        )
    at = _first(is_zone, rest)
    if at is None:
        mistyped = _first(is_meant_as_zone, rest[:MOST_COMPARED_WORDS])
        if mistyped is not None:
            zone_of(rest[mistyped])  # raises, and says which zone was meant
        raise DigestUsage(
            what="The time zone is missing.",
            fix="Put it after the timetable, such as `09:00 mon-fri Europe/London`.",
        )
    timetable, after = rest[:at], rest[at + 1 :]
    if len(after) > 1:
        raise DigestUsage(what=f"{quoted(after[1])} is one word too many.")
    kind = DigestKind(kind_word.lower())
    return Draft(
        id=new_draft_id(),
        kind=kind,
        channel_id=channel_id,
        agent_name=after[0] if after else usual_agent(kind),
        timetable=" ".join(timetable),
        zone=rest[at],
    )
