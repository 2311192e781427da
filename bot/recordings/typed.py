"""Text as people type and paste it, taken apart into words.

They quote, bracket and label; phones write curly quotes, long dashes and capitals; other programs
leave characters behind that nobody sees.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from bot.errors import UsageError
from bot.polyai.identifiers import is_machine_made
from bot.text.characters import made_plain, without_control

MAX_TYPED_CHARACTERS: Final = 4000
"""Of a command; Slack's own field takes some more, and nothing in it is as long."""

# What people write in front of an id: no agents, even in `id:CA…`.
LABELS = frozenset(
    {
        *("audio", "call", "callid", "callsid", "conv", "conversation", "conversationid", "id"),
        *("link", "recording", "ref", "reference", "sid", "url"),
    }
)
_FILLERS = frozenset(
    {
        *("and", "for", "from", "in", "into", "of", "on", "only", "please", "side", "sides"),
        *("the", "to"),
    }
)
# A mention or a link with its label, or a word; nothing is looked through twice.
_WORD = re.compile(r"<[^<>]*>[^\s<]*|[^\s<]+|<")
# A bare link may hold what else parts words.
_TOKEN = re.compile(r"<[^<>]*>|(?i:https?://)[^\s<]+|[^\s<,;]+|<")
_LABELLED = re.compile(r"\{?[\"'`*_]*([A-Za-z][A-Za-z0-9_-]{0,31})[\"'`*_]*[:=](.*)", re.DOTALL)
# Quotes, brackets, dashes, punctuation, mrkdwn marks and emoji, as Unicode sorts them.
_MARKS = frozenset({"Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sk", "Sm", "So"})
_NO_MARKS = frozenset("{}<>/\\#@&%")


class TextTooLong(UsageError):
    """More was typed than any command takes."""

    code = "text_too_long"
    what = "That is too long."
    likely_cause = f"A command has {MAX_TYPED_CHARACTERS:,} characters at most."
    fix = "Leave out what is not part of the command."


def words_of(text: str) -> list[str]:
    """Split a text at white space, but not within ``<…>``: a link's label may hold spaces.

    Raises:
        TextTooLong: there is more than any command takes.
    """
    return _WORD.findall(without_control(_bounded(text)))


def typed_words(text: str) -> list[str]:
    """Take apart what somebody typed, each word as they meant it.

    Split at white space, commas and semicolons, but not within ``<…>``. Invisible characters,
    quotes, brackets, mrkdwn marks, emoji and punctuation around a word are dropped, and what holds
    no letter and no digit; of a labelled word (``id:CA…``, ``"conversation_id": "CA…"``) the value
    is left.

    Raises:
        TextTooLong: there is more than any command takes.
    """
    tokens = _TOKEN.findall(unescaped(made_plain(_bounded(text))))
    return [word for word in map(_unlabelled, tokens) if any(map(str.isalnum, word))]


def without_labels(words: Sequence[str]) -> list[str]:
    """Leave out what people write around an id: ``conversation``, ``id``, ``of``, ``please``."""
    return [word for word in words if _label(word) not in LABELS | _FILLERS]


def unescaped(text: str) -> str:
    """Read a text as it was typed: Slack escapes these three characters and no others.

    Source: "Formatting text for app surfaces". ``html.unescape`` would also read ``&copy``.
    """
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain_word(word: str) -> str:
    """Spell one word without what surrounds it, as ``typed_words`` does."""
    return _unwrapped(made_plain(word))


def _bounded(text: str) -> str:
    if len(text) > MAX_TYPED_CHARACTERS:
        raise TextTooLong
    return text


def _unlabelled(token: str) -> str:
    word = _unwrapped(token)
    labelled = None if word.startswith("<") else _LABELLED.fullmatch(word)
    is_label = labelled is not None and _label(labelled[1]) in LABELS
    return _unwrapped(labelled[2]) if labelled and is_label else word


def _label(word: str) -> str:
    return re.sub(r"[-_]", "", word).lower()


def _unwrapped(token: str) -> str:
    """Drop what surrounds a word; an id may end with an underscore, but only italics begin so."""
    word = token if "{" in token and "}" in token else token.strip("{}")
    start = next((at for at, each in enumerate(word) if not _is_mark(each, "_")), len(word))
    also = "_" if "_" in word[:start] else ""
    end = next(
        (at for at in range(len(word), start, -1) if not _is_mark(word[at - 1], also)), start
    )
    word = word[start:end]
    bracketed = word.startswith("<") and word.endswith(">")
    return word[1:-1] if bracketed and is_machine_made(word[1:-1]) else word


def _is_mark(character: str, also: str) -> bool:
    is_mark = unicodedata.category(character) in _MARKS and character not in _NO_MARKS
    return is_mark or character in also
