"""Parses references to conversations: ids, Studio links and ``agent:id``, typed or in a message.

An agent may be named before the first colon: ``sales:CA…``. Ids may contain colons, so an id such
as ``abc:1`` is read as agent ``abc``; no such ids are known. A link names a region, an account and
a project, which select a configured agent; it never determines the host that receives a key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.errors import UsageError
from bot.polyai.identifiers import (
    MARKED_ID,
    UUID,
    PersonalNumber,
    check_typed_id,
    is_machine_made,
    may_be_personal,
)
from bot.polyai.links import parse_link
from bot.recordings.references.typed_words import LABELS, typed_words, without_labels

MAX_REFERENCE_CHARACTERS: Final = 2048

_AGENT_NAME = r"[a-z][a-z0-9_-]{0,31}"
_END_OF_ID = r"(?![A-Za-z0-9/=%@+-]|[_.:][A-Za-z0-9])"
_IN_MESSAGE = re.compile(
    r"<(?P<control>[^<>\s][^<>]*)>"
    r"|(?P<link>(?i:\bhttps?://|\b(?:[a-z0-9-]{1,63}\.){1,4}(?:poly\.ai|polyai\.app)/)[^\s<>\"`|]+)"
    r"|(?<![A-Za-z0-9./%@#&+-])(?<![A-Za-z0-9]_)"
    rf"(?:(?P<agent>{_AGENT_NAME}):)?(?P<marked>{MARKED_ID}){_END_OF_ID}"
    rf"|(?<![A-Za-z0-9.:/=%@#&+-])(?<![A-Za-z0-9]_)(?P<bare>{UUID}){_END_OF_ID}"
)
_LINK_IN_SLACK = re.compile(r"<(https?://[^|>]*)(?:\|[^>]*)?>", re.IGNORECASE)


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
    return max(found, key=_is_placed)


def find_references(text: str) -> tuple[Reference, ...]:
    """Find the conversations that a message names: distinct, in order of appearance.

    Links count in all forms. Without a link only ids of known shapes count, and a plain UUID only
    as a word of its own; ``agent:`` is read before the other shapes. An id that appears several
    times is returned once, with the agent or link data of any of them.
    """
    found: dict[Reference, None] = {}
    for match in _IN_MESSAGE.finditer(text):
        reference = _from_match(match)
        if reference is not None:
            found.setdefault(reference)
    placed = {known.conversation_id for known in found if _is_placed(known)}
    return tuple(
        known for known in found if _is_placed(known) or known.conversation_id not in placed
    )


def _read(word: str) -> Reference:
    if re.match(r"<(?:[@#!]|tel:|mailto:)", word):
        raise InvalidReference(likely_cause="It is a person, a channel, a number or an address.")
    link = _LINK_IN_SLACK.fullmatch(word)
    if link or "/" in word:
        read = parse_link(link[1] if link else word)
        return Reference(
            read.conversation_id, region=read.region, account=read.account, project=read.project
        )
    agent, colon, conversation_id = word.partition(":")
    # Phones capitalize the first letter of a sentence.
    name = agent.lower() if is_machine_made(conversation_id) else agent
    if colon and re.fullmatch(_AGENT_NAME, name):
        return Reference(check_typed_id(conversation_id), agent_name=name)
    return Reference(check_typed_id(word))


def _as_invalid(error: UsageError) -> InvalidReference:
    return InvalidReference(what=error.what, likely_cause=error.likely_cause, fix=error.fix)


def _is_placed(reference: Reference) -> bool:
    """Whether a reference has more than an id."""
    return reference != Reference(reference.conversation_id)


def _from_match(match: re.Match[str]) -> Reference | None:
    link = match["link"] or match["control"]
    if link is None:
        agent = match["agent"]
        conversation_id: str = match["marked"] or match["bare"]
        return Reference(conversation_id, agent_name=None if agent in LABELS else agent)
    if not match["link"] and not re.match(r"https?://", link, re.IGNORECASE):
        return None  # a mention, a date, a telephone number
    try:
        return parse_reference(f"<{link}>" if match["control"] else link)
    except UsageError:
        return None  # messages contain other links too
