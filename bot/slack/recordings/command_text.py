"""Parses the text of `/callaudio …`."""

import difflib
import re
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from bot.errors import UsageError, quoted
from bot.polyai.identifiers import is_machine_made
from bot.polyai.payloads import Direction
from bot.recordings.references.reference import (
    Reference,
    check_nothing_personal,
    names_conversation,
    reference_of,
)
from bot.recordings.references.typed_words import typed_words, without_labels
from bot.slack.identifiers import COMMAND

# docs: "Enabling interactivity with slash commands", escaped mentions; private names are empty.
CHANNEL_MENTION: Final = re.compile(r"<#([CGD][A-Z0-9]{6,})(?:\|[^>]*)?>")
# Tax, insurance and identity numbers such as CE123456A, G1234567X and C123456789 look like the id
# of a channel. They hold six digits in a row; an id with that many must have today's form, C0….
CHANNEL_ID: Final = re.compile(r"[CGD](?:0[A-Z0-9]{8,13}|(?!.*[0-9]{6})[A-Z0-9]{8,14})")
HELP: Final = "help"
REDACTED: Final = "redacted"
RAW: Final = frozenset({"raw", "unredacted"})
DIRECTIONS: Final = MappingProxyType(
    {
        **{each.value: each for each in Direction},
        "caller": Direction.USER,
        "both": Direction.COMBINED,
    }
)


@dataclass(frozen=True, slots=True)
class AskForHelp:
    """`/callaudio`, `/callaudio help`."""


@dataclass(frozen=True, slots=True)
class AskForRecording:
    """`/callaudio <conversation> [#channel] [combined|user|agent] [redacted]`, in any order."""

    reference: Reference
    channel_id: str | None
    direction: Direction
    redacted: bool


class _Kind(Enum):
    """The meaning of a word."""

    CONVERSATION = auto()
    CHANNEL = auto()
    DIRECTION = auto()
    REDACTED = auto()
    HELP = auto()
    OTHER = auto()


def parse_command(text: str) -> AskForHelp | AskForRecording:
    """Parse the text of the command; its words may be in any order.

    Raises:
        UsageError: a word is unknown, or contradicts another one.
    """
    words = [word for word in typed_words(text) if word.lower() != COMMAND]
    by_kind: defaultdict[_Kind, list[str]] = defaultdict(list)
    for word in words:
        by_kind[_kind_of(word)].append(word)
    check_nothing_personal(by_kind[_Kind.OTHER])
    if by_kind[_Kind.HELP] or not words:
        return AskForHelp()
    named, others = by_kind[_Kind.CONVERSATION], without_labels(by_kind[_Kind.OTHER])
    if not named:  # then take the first argument that is more than a word
        named = [word for word in others if not word.isalpha()]
        others = [word for word in others if word.isalpha()]
    if others:
        raise _not_understood(others[0])
    channels = {channel_of(word) for word in by_kind[_Kind.CHANNEL]}
    directions = {DIRECTIONS[_bare(word)] for word in by_kind[_Kind.DIRECTION]}
    if len(channels) > 1:
        raise UsageError(
            what="More than one channel is named.", fix="Send one request for each channel."
        )
    if len(directions) > 1:
        raise UsageError(
            what="More than one side of the call is named.",
            fix="Say `user`, `agent` or, for both sides, `combined`.",
        )
    return AskForRecording(
        reference_of(named),
        next(iter(channels), None),
        next(iter(directions), Direction.COMBINED),
        redacted=bool(by_kind[_Kind.REDACTED]),
    )


def channel_of(word: str) -> str | None:
    """Read a channel's id from an escaped mention or a bare id; None if it is neither."""
    mention = CHANNEL_MENTION.fullmatch(word)
    if mention:
        return mention[1]
    return word if CHANNEL_ID.fullmatch(word) and not is_machine_made(word) else None


def _kind_of(word: str) -> _Kind:
    if names_conversation(word):
        return _Kind.CONVERSATION
    if channel_of(word):
        return _Kind.CHANNEL
    bare = _bare(word)
    if bare in DIRECTIONS:
        return _Kind.DIRECTION
    return {REDACTED: _Kind.REDACTED, HELP: _Kind.HELP}.get(bare, _Kind.OTHER)


def _bare(word: str) -> str:
    """Remove the brackets that are copied from the instructions."""
    return word.strip("<>{}").lower()


def _not_understood(word: str) -> UsageError:
    """Explain what is wrong with a word; a mention is not repeated, as it would notify people."""
    shown, bare = quoted(word), _bare(word)
    if word.startswith("<"):
        return UsageError(
            what="I post recordings in channels, not to people or addresses.",
            fix="Leave the mention out, or name a channel instead.",
        )
    if word.startswith("#"):
        return UsageError(
            what=f"I cannot tell which channel {shown} is.",
            likely_cause="A channel typed without choosing it from Slack's list has no id.",
            fix="Choose the channel from the list that opens after `#`, or paste its id.",
        )
    if bare in RAW:
        return UsageError(
            what=f"{shown} cannot be requested.",
            fix="Leave it out: the recording is unredacted wherever everyone may hear it.",
        )
    near = difflib.get_close_matches(bare[:60], [*DIRECTIONS, REDACTED, HELP], n=1)
    cause = f"Did you mean `{near[0]}`?" if near else None
    return UsageError(what=f"I do not know the word {shown}.", likely_cause=cause)
