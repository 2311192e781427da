"""Parses references to conversations: ids, Studio links and ``agent:id``, typed or in a message.

An agent may be named before the first colon: ``sales:CA…``. Ids may contain colons, so an id such
as ``abc:1`` is read as agent ``abc``; no such ids are known. A link names a region, an account and
a project, which select a configured agent; it never determines the host that receives a key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from bot.errors import UsageError
from bot.ids import is_safe_identifier
from bot.polyai.identifiers import (
    KNOWN_ID,
    PersonalNumber,
    check_typed_id,
    is_machine_made,
    may_be_personal,
)
from bot.recordings.references.typed_words import typed_words, without_labels

MAX_REFERENCE_CHARACTERS: Final = 2048

AGENT_NAME = r"[a-z][a-z0-9_-]{0,31}"
_LINK_IN_SLACK = re.compile(r"<(https?://[^|>]*)(?:\|[^>]*)?>", re.IGNORECASE)
_REGION_BY_LABEL = {
    "us": "us",
    "uk": "uk",
    "eu": "eu",
    "studio": "studio",
    "us-1": "us",  # from here on the labels of the platform hosts
    "uk-1": "uk",
    "euw-1": "eu",
}
_SCOPE_WORDS = frozenset({"voice", "webchat", "web-chat", "messages", "messaging", "chat", "all"})
_QUERY_KEYS = ("conversationId", "conversation_id", "id")
_COPY_AGAIN = "Open the conversation in Agent Studio and copy its link again."


class InvalidReference(UsageError):
    """The text names no conversation."""

    code = "invalid_reference"
    what = "I found no conversation in that."
    likely_cause = "It is neither the id of a conversation nor its link in Agent Studio."
    fix = (
        "Open the conversation in Agent Studio and copy its link or its id, "
        "for example `CA` followed by 32 characters."
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """One conversation, and the agent, region, account and project that its reference names.

    Attributes:
        conversation_id: opaque and case-sensitive.
        agent_name: the agent typed before the colon.
        region: ``us``, ``uk``, ``eu`` or ``studio``, from a link.
        account: PolyAI's account (workspace) id, from a link.
        project: PolyAI's project id, which is the agent id, from a link.
    """

    conversation_id: str
    agent_name: str | None = None
    region: str | None = None
    account: str | None = None
    project: str | None = None

    @property
    def is_placed(self) -> bool:
        """Whether it has more than an id."""
        return self != Reference(self.conversation_id)


def check_nothing_personal(words: Sequence[str]) -> None:
    """Refuse words that may form a personal number, as in ``4111 1111 1111 1111``.

    Raises:
        InvalidReference: they may; none of them is repeated.
    """
    if may_be_personal(" ".join(words)):
        raise _as_invalid(PersonalNumber())


def names_conversation(word: str) -> bool:
    """Whether a word certainly names a conversation: a link, or a machine-made id."""
    if word.startswith("<"):
        return _LINK_IN_SLACK.fullmatch(word) is not None
    return "/" in word or is_machine_made(word.rpartition(":")[2])


def parse_reference(text: str) -> Reference:
    """Parse the one conversation that a text names: an id, ``agent:id`` or a link.

    It may be quoted, bracketed or labelled, by people or by Slack. A conversation that is named
    twice, such as by its id and by its link, counts once.

    Raises:
        InvalidReference: with a fix for the person who typed it; the text is not repeated.
    """
    if len(text) > MAX_REFERENCE_CHARACTERS:
        raise InvalidReference
    words = typed_words(text)
    return reference_of(without_labels(words) or words)


def reference_of(words: Sequence[str]) -> Reference:
    """Parse the one conversation that words name.

    Raises:
        InvalidReference: they name none, or several, or one is not a conversation.
    """
    if not words:
        raise InvalidReference(
            what="No conversation was given.", likely_cause="The id or link is missing."
        )
    check_nothing_personal([word for word in words if not names_conversation(word)])
    try:
        found = [_read(word) for word in words]
    except UsageError as error:
        raise _as_invalid(error) from None
    if len({each.conversation_id for each in found}) > 1:
        raise InvalidReference(
            what="I bring one recording at a time.",
            likely_cause="More than one conversation was named.",
            fix="Ask for each of them by itself.",
        )
    return max(found, key=lambda each: each.is_placed)


def _read(word: str) -> Reference:
    if re.match(r"<(?:[@#!]|tel:|mailto:)", word):
        raise InvalidReference(likely_cause="It is a person, a channel, a number or an address.")
    link = _LINK_IN_SLACK.fullmatch(word)
    if link or "/" in word:
        return parse_link(link[1] if link else word)
    agent, colon, conversation_id = word.partition(":")
    # Phones capitalize the first letter of a sentence.
    name = agent.lower() if is_machine_made(conversation_id) else agent
    if colon and re.fullmatch(AGENT_NAME, name):
        return Reference(check_typed_id(conversation_id), agent_name=name)
    return Reference(check_typed_id(word))


def parse_link(link: str) -> Reference:
    """Read a link to a conversation, with or without its scheme.

    The host must be PolyAI's. Fragments are ignored; the query counts when the path has no id.

    Raises:
        InvalidReference: not PolyAI's, not a conversation's, or unreadable; it is not repeated.
        InvalidConversationId: the place of the id holds something else, such as a placeholder.
    """
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        host = (parts.hostname or "").rstrip(".")
        query = parse_qs(parts.query, max_num_fields=100)
    except ValueError:
        raise InvalidReference(
            what="That link cannot be read.",
            likely_cause="It was cut or changed while it was copied.",
            fix=_COPY_AGAIN,
        ) from None
    if parts.scheme not in ("http", "https") or not re.search(
        r"(?:^|\.)poly(?:\.ai|ai\.app)$", host
    ):
        raise InvalidReference(
            what="That link does not lead to PolyAI.",
            likely_cause="Only links to Agent Studio name a conversation.",
            fix=_COPY_AGAIN,
        )
    account, project, ids = _path(parts.path)
    ids = ids or [value for key in _QUERY_KEYS for value in query.get(key, [])]
    if not ids:
        raise InvalidReference(
            what="That link leads to PolyAI, but not to one conversation.",
            likely_cause="It is the link of a list or of another page.",
            fix="Open the conversation itself in Agent Studio and copy the link from there.",
        )
    return Reference(
        check_typed_id(ids[0]),
        region=_region(host),
        account=account if is_safe_identifier(account) else None,
        project=project if is_safe_identifier(project) else None,
    )


def _path(path: str) -> tuple[str, str, list[str]]:
    """Split a link's path into account, project and possible ids, the likeliest first."""
    segments = [unquote(segment) for segment in path.split("/") if segment]
    is_api = bool(segments) and segments[0] in ("v1", "v3")
    if is_api:
        # `/v1/agents/{project}/conversations/{id}/audio`, or account and project as in Studio
        segments = ["", *segments[2:]] if segments[1:2] == ["agents"] else segments[1:]
    account, project, kind, *rest = [*segments, "", "", ""][: max(len(segments), 3)]
    if kind != "conversations":
        return account, project, []
    ids = [segment for segment in rest if segment.lower() not in _SCOPE_WORDS]
    if not is_api:
        ids.reverse()  # Studio puts the id last, behind its scope words
    ids.sort(key=lambda segment: KNOWN_ID.fullmatch(segment) is None)
    return account, project, ids


def _region(host: str) -> str | None:
    if host == "studio.poly.ai":  # self-serve has no region label
        return "studio"
    label = re.fullmatch(r"[a-z0-9-]+\.([a-z0-9-]+)\.(?:poly\.ai|platform\.polyai\.app)", host)
    return _REGION_BY_LABEL.get(label[1]) if label else None


def _as_invalid(error: UsageError) -> InvalidReference:
    return InvalidReference(what=error.what, likely_cause=error.likely_cause, fix=error.fix)
