"""Splits text that people type and paste into words.

They quote, bracket and label; phones insert curly quotes, long dashes and capitals; other programs
leave invisible characters.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from bot.errors import UsageError
from bot.polyai.identifiers import is_machine_made
from bot.text.characters import made_plain, without_control

MAX_TYPED_CHARACTERS: Final = 4000
"""The limit for a command; Slack's own field allows more, but no command needs it."""

# Labels that people write before an id; they are not agents, as in `id:CA…`.
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
# A mention or a link with its label, or a word; matched without backtracking.
_WORD = re.compile(r"<[^<>]*>[^\s<]*|[^\s<]+|<")
# A plain link may contain characters that otherwise separate words.
_TOKEN = re.compile(r"<[^<>]*>|(?i:https?://)[^\s<]+|[^\s<,;]+|<")
_LABELLED = re.compile(r"\{?[\"'`*_]*([A-Za-z][A-Za-z0-9_-]{0,31})[\"'`*_]*[:=](.*)", re.DOTALL)
# Quotes, brackets, dashes, punctuation, mrkdwn marks and emoji, by Unicode category.
_MARKS = frozenset({"Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sk", "Sm", "So"})
_NO_MARKS = frozenset("{}<>/\\#@&%")


class TextTooLong(UsageError):
    """The text is longer than any command."""

    code = "text_too_long"
    what = "That is too long."
    likely_cause = f"A command has {MAX_TYPED_CHARACTERS:,} characters at most."
    fix = "Leave out what is not part of the command."


def words_of(text: str) -> list[str]:
    """Split a text at white space, but not within ``<…>``: a link's label may contain spaces.

    Raises:
        TextTooLong: it is longer than any command.
    """
    return _WORD.findall(without_control(_bounded(text)))


def typed_words(text: str) -> list[str]:
    """Split typed text into words, without decoration.

    It is split at white space, commas and semicolons, but not within ``<…>``. Invisible characters,
    quotes, brackets, mrkdwn marks, emoji and punctuation around a word are removed, and so are
    words without a letter or a digit; of a labelled word (``id:CA…``, ``"conversation_id": "CA…"``)
    only the value is kept.

    Raises:
        TextTooLong: it is longer than any command.
    """
    tokens = _TOKEN.findall(unescaped(made_plain(_bounded(text))))
    return [word for word in map(_unlabelled, tokens) if any(map(str.isalnum, word))]


def without_labels(words: Sequence[str]) -> list[str]:
    """Remove words that people write around an id: ``conversation``, ``id``, ``of``, ``please``."""
    return [word for word in words if _label(word) not in LABELS | _FILLERS]


def unescaped(text: str) -> str:
    """Restore a text as it was typed: Slack escapes only these three characters.

    Source: "Formatting text for app surfaces". ``html.unescape`` would also read ``&copy``.
    """
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain_word(word: str) -> str:
    """Remove the decoration of one word, as ``typed_words`` does."""
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
    """Remove marks around a word; an id may end with an underscore, but never begins with one."""
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
