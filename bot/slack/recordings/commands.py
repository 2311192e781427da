"""What `/callaudio …` may say, read into a value."""

import re
from dataclasses import dataclass
from typing import Final

from bot.errors import UsageError
from bot.polyai.payloads import Direction
from bot.recordings.reference import Reference, parse_reference
from bot.slack.wording import code

# docs: "Enabling interactivity with slash commands", escaped mentions; private names are empty.
CHANNEL_MENTION: Final = re.compile(r"<#([CGD][A-Z0-9]{6,})(?:\|[^>]*)?>")
CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{8,}")
REDACTED: Final = "redacted"


@dataclass(frozen=True, slots=True)
class AskForHelp:
    """`/callaudio`, `/callaudio help`."""


@dataclass(frozen=True, slots=True)
class AskForRecording:
    """`/callaudio <conversation> [#channel] [combined|user|agent] [redacted]`."""

    reference: Reference
    channel_id: str | None
    direction: Direction
    redacted: bool


def parse_command(text: str) -> AskForHelp | AskForRecording:
    """Read the text of the command; words after the reference may stand in any order.

    Raises:
        UsageError: a word cannot be understood, or says the same kind of thing twice.
    """
    words = words_of(text)
    if not words or (len(words) == 1 and words[0].lower() == "help"):
        return AskForHelp()
    reference = parse_reference(words[0])
    channel_id: str | None = None
    direction: Direction | None = None
    redacted = False
    for word in words[1:]:
        found = channel_of(word)
        if found and channel_id is None:
            channel_id = found
        elif word.lower() in list(Direction) and direction is None:
            direction = Direction(word.lower())
        elif word.lower() == REDACTED:
            redacted = True
        else:
            raise _not_understood(word, is_repeat=bool(found) or word.lower() in list(Direction))
    return AskForRecording(reference, channel_id, direction or Direction.COMBINED, redacted)


def words_of(text: str) -> list[str]:
    """Split at white space, but not inside `<…>`: a link's label may hold spaces."""
    return re.findall(r"<[^>]*>|[^\s<]+|<", text)


def channel_of(word: str) -> str | None:
    """Read a channel's id from an escaped mention or a bare id; None if it is neither."""
    mention = CHANNEL_MENTION.fullmatch(word)
    if mention:
        return mention[1]
    return word if CHANNEL_ID.fullmatch(word) else None


def _not_understood(word: str, *, is_repeat: bool) -> UsageError:
    shown = code(word[:60])
    if is_repeat:
        return UsageError(what=f"{shown} is one too many of its kind.")
    if word.startswith("#"):
        return UsageError(
            what=f"I cannot tell which channel {shown} is.",
            likely_cause="A channel typed without choosing it from Slack's list has no id.",
            fix="Choose the channel from the list that opens after `#`, or paste its id.",
        )
    return UsageError(what=f"I do not know the word {shown}.")
