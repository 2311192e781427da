"""Which conversation is meant: ids, Studio links and ``agent:id``, typed or within a message.

An agent may be named before the first colon, in lower case only: ``sales:CA…``. Ids may hold colons
themselves, so an id such as ``abc:1`` is read as agent ``abc``; none of that kind is known.
Link forms: polyai.md, "Identifiers and Studio links". A link names a region, an account and a
project to choose among those configured; it never names the host that gets a key.
"""

import re
from dataclasses import dataclass

from bot.errors import UsageError
from bot.polyai.identifiers import KNOWN_ID, MARKED_ID, UUID, check_conversation_id
from bot.polyai.links import parse_link

MAX_REFERENCE_CHARACTERS = 2048

_MARKS = "\"'`*~()[]“”‘’«»„"  # noqa: RUF001 - typographic quotes are what people paste
_AGENT_NAME = r"[a-z][a-z0-9_-]{0,31}"
# What people write in front of an id in a sentence: no agents, even in `id:CA…`.
_LABELS = frozenset({"call", "call_id", "conv", "conversation", "conversation_id", "id", "sid"})
_END_OF_ID = r"(?![A-Za-z0-9/=%@+-]|[_.:][A-Za-z0-9])"
_IN_MESSAGE = re.compile(
    r"<(?P<control>[^<>\s][^<>]*)>"
    r"|(?P<link>(?i:\bhttps?://|\b(?:[a-z0-9-]{1,63}\.){1,4}(?:poly\.ai|polyai\.app)/)[^\s<>\"`|]+)"
    r"|(?<![A-Za-z0-9./%@#&+-])(?<![A-Za-z0-9]_)"
    rf"(?:(?P<agent>{_AGENT_NAME}):)?(?P<marked>{MARKED_ID}){_END_OF_ID}"
    rf"|(?<![A-Za-z0-9.:/=%@#&+-])(?<![A-Za-z0-9]_)(?P<bare>{UUID}){_END_OF_ID}"
)


class InvalidReference(UsageError):
    """What was given names no conversation."""

    code = "invalid_reference"
    what = "That names no conversation."
    likely_cause = "It is neither a conversation id nor a link to a conversation in Agent Studio."
    fix = (
        "Open the conversation in Agent Studio and copy its link or its id, "
        "for example `CA` followed by 32 characters."
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """One conversation, and what its reference said about where it is.

    Attributes:
        conversation_id: opaque, its case kept.
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


def parse_reference(text: str) -> Reference:
    """Read one typed token: an id, ``agent:id`` or a link, bare or as Slack wraps it.

    Quotes, brackets, mrkdwn marks and trailing punctuation around it are dropped.

    Raises:
        InvalidReference: with a fix for the person who typed it; the text is not repeated.
    """
    if len(text) > MAX_REFERENCE_CHARACTERS:
        raise InvalidReference
    token = _unwrap(text)
    if not token:
        raise InvalidReference(
            what="No conversation was given.", likely_cause="The id or link is missing."
        )
    try:
        return _read(token)
    except UsageError as error:
        raise InvalidReference(
            what=error.what, likely_cause=error.likely_cause, fix=error.fix
        ) from None


def find_references(text: str) -> tuple[Reference, ...]:
    """Find the conversations a message speaks of: distinct, in order of appearance.

    Links count in all forms. Without a link only ids of known shapes count, and a bare UUID only
    as a word of its own; ``agent:`` is read before the other shapes. An id that stands in the
    message both bare and in a link or with an agent is given once, with what is known of it.
    """
    found: dict[Reference, None] = {}
    for match in _IN_MESSAGE.finditer(text):
        reference = _from_match(match)
        if reference is not None:
            found.setdefault(reference)
    placed = {known.conversation_id for known in found if known != Reference(known.conversation_id)}
    return tuple(
        known
        for known in found
        if known != Reference(known.conversation_id) or known.conversation_id not in placed
    )


def _read(token: str) -> Reference:
    if "/" in token:
        link = parse_link(token)
        return Reference(
            link.conversation_id, region=link.region, account=link.account, project=link.project
        )
    named = re.fullmatch(rf"({_AGENT_NAME}):(.+)", token, re.DOTALL)
    if named:
        return Reference(check_conversation_id(named[2]), agent_name=named[1])
    return Reference(check_conversation_id(token))


def _from_match(match: re.Match[str]) -> Reference | None:
    link = match["link"] or match["control"]
    if link is None:
        agent = match["agent"]
        conversation_id: str = match["marked"] or match["bare"]
        return Reference(conversation_id, agent_name=None if agent in _LABELS else agent)
    if not match["link"] and not re.match(r"https?://", link, re.IGNORECASE):
        return None  # a mention, a date, a telephone number
    try:
        return parse_reference(f"<{link}>" if match["control"] else link)
    except InvalidReference:
        return None  # messages hold other links too


def _unwrap(text: str) -> str:
    token, before = _unescape(text), None
    while token != before:
        before = token
        token = token.strip().strip(_MARKS).rstrip(".,;:!?")
        if token.startswith("_"):  # an id may end with one, never begin: only italics do
            token = token.strip("_")
    if re.match(r"<(?:[@#!]|tel:|mailto:)", token):
        raise InvalidReference(likely_cause="It is a person, a channel, a number or an address.")
    wrapped = re.fullmatch(r"<(https?://[^|>]*)(?:\|[^>]*)?>", token, re.IGNORECASE)
    token = wrapped[1] if wrapped else token
    if token.startswith("<") and token.endswith(">") and KNOWN_ID.fullmatch(token[1:-1]):
        return token[1:-1]
    return token


def _unescape(text: str) -> str:
    # Slack escapes these three only; html.unescape would also read `&copy` in a query.
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
