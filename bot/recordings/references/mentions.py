"""Finds the conversations named in a Slack message: in text, blocks, attachments and files.

People post any payload, so it is read with limits on depth, pieces and characters. A plain UUID
counts only in a link that names its region or agent: alerts contain many ids of requests, traces
and events, and none of them must be offered as *the* call.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bot.errors import UsageError
from bot.polyai.identifiers import MARKED_ID, UUID
from bot.recordings.references.reference import AGENT_NAME, Reference, parse_reference
from bot.recordings.references.typed_words import LABELS

MOST_MENTIONS: Final = 10
"""The maximum of choices in a modal (docs: "Radio button group element")."""
DEEPEST: Final = 12
MOST_PIECES: Final = 2000
MOST_CHARACTERS: Final = 100_000

# The fields of Slack's messages with visible words or addresses; button values, Slack's ids and
# names are not among them.
_SPOKEN: Final = frozenset(
    {
        *("alt_text", "author_link", "author_name", "fallback", "footer", "from_url"),
        *("original_url", "pretext", "text", "title", "title_link", "title_url", "url"),
    }
)
_NESTED: Final = ("blocks", "attachments")
_FILE_WORDS: Final = ("title", "name")
# In a file's name, words are joined to the id: `CA…-raw.wav`.
_IN_FILE_NAME: Final = re.compile(rf"(?<![A-Za-z0-9]){MARKED_ID}(?![A-Za-z0-9])")
_IN_MESSAGE = re.compile(
    r"<(?P<control>[^<>\s][^<>]*)>"
    r"|(?P<link>(?i:\bhttps?://|\b(?:[a-z0-9-]{1,63}\.){1,4}(?:poly\.ai|polyai\.app)/)[^\s<>\"`|]+)"
    r"|(?<![A-Za-z0-9./%@#&+-])(?<![A-Za-z0-9]_)"
    rf"(?:(?P<agent>{AGENT_NAME}):)?(?P<id>{MARKED_ID})(?![A-Za-z0-9/=%@+-]|[_.:][A-Za-z0-9])"
)


def find_mentions(message: Mapping[str, Any]) -> tuple[Reference, ...]:
    """Find the conversations a message names: distinct, in order of appearance, ten at most.

    It never fails: fields that are absent or of a wrong type are ignored. Links count in all forms.
    Without a link only ids of known shapes count, other than a plain UUID. An id that appears
    several times is returned once, with the agent or link data of any of them.
    """
    found: dict[Reference, None] = {}
    for match in _IN_MESSAGE.finditer("\n".join(_bounded(_pieces(message)))):
        reference = _from_match(match)
        if reference is not None:
            found.setdefault(reference)
    placed = {known.conversation_id for known in found if known.is_placed}
    distinct = [each for each in found if each.is_placed or each.conversation_id not in placed]
    return tuple(distinct[:MOST_MENTIONS])


def _from_match(match: re.Match[str]) -> Reference | None:
    link = match["link"] or match["control"]
    if link is None:
        agent = match["agent"]
        return Reference(match["id"], agent_name=None if agent in LABELS else agent)
    if not match["link"] and not re.match(r"https?://", link, re.IGNORECASE):
        return None  # a mention, a date, a telephone number
    try:
        found = parse_reference(f"<{link}>" if match["control"] else link)
    except UsageError:
        return None  # messages contain other links too
    is_certain = found.is_placed or not re.fullmatch(UUID, found.conversation_id)
    return found if is_certain else None


def _pieces(message: Mapping[str, Any]) -> Iterator[str]:
    text = message.get("text")
    if isinstance(text, str):
        yield text
    for name in _NESTED:
        yield from _within(message.get(name), DEEPEST)
    files = message.get("files")
    for file in files if isinstance(files, list) else []:
        if isinstance(file, dict):
            yield from _of_file(file)


def _within(value: object, depth: int) -> Iterator[str]:
    """Walk blocks and attachments; nesting deeper than Slack's is ignored."""
    if depth == 0:
        return
    if isinstance(value, list):
        for each in value:
            yield from _within(each, depth - 1)
    if not isinstance(value, dict):
        return
    is_field = "title" in value and "value" in value  # of an attachment
    for name, inner in value.items():
        if not isinstance(inner, str):
            yield from _within(inner, depth - 1)
        elif name in _SPOKEN or (is_field and name == "value"):
            yield inner


def _of_file(file: Mapping[str, Any]) -> Iterator[str]:
    for name in _FILE_WORDS:
        words = file.get(name)
        if isinstance(words, str):
            yield words
            yield " ".join(_IN_FILE_NAME.findall(words[:MOST_CHARACTERS]))


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    left = MOST_CHARACTERS
    for count, piece in enumerate(pieces):
        if count >= MOST_PIECES or left <= 0:
            return
        yield piece[:left]
        left -= len(piece)
