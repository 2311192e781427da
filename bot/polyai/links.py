"""Links to conversations, in the forms of Agent Studio and PolyAI's API."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from bot.errors import UsageError
from bot.ids import is_safe_identifier
from bot.polyai.identifiers import KNOWN_ID, check_typed_id

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


class InvalidLink(UsageError):
    """The text is not a link to a conversation."""

    code = "invalid_link"
    what = "That link cannot be read."
    likely_cause = "It was cut or changed while it was copied."
    fix = "Open the conversation in Agent Studio and copy its link again."


@dataclass(frozen=True, slots=True)
class ConversationLink:
    """What a link names: labels that select a configured agent, never a host to call."""

    conversation_id: str
    region: str | None
    account: str | None
    project: str | None


def parse_link(link: str) -> ConversationLink:
    """Read a link to a conversation, with or without its scheme.

    The host must be PolyAI's. Fragments are ignored; the query counts when the path has no id.

    Raises:
        InvalidLink: not PolyAI's, not a conversation's, or unreadable; the link is not repeated.
        InvalidConversationId: the place of the id holds something else, such as a placeholder.
    """
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        host = (parts.hostname or "").rstrip(".")
        query = parse_qs(parts.query, max_num_fields=100)
    except ValueError:
        raise InvalidLink from None
    if parts.scheme not in ("http", "https") or not re.search(
        r"(?:^|\.)poly(?:\.ai|ai\.app)$", host
    ):
        raise InvalidLink(
            what="That link does not lead to PolyAI.",
            likely_cause="Only links to Agent Studio name a conversation.",
        )
    account, project, ids = _path(parts.path)
    ids += [value for key in _QUERY_KEYS for value in query.get(key, [])] if not ids else []
    if not ids:
        raise InvalidLink(
            what="That link leads to PolyAI, but not to one conversation.",
            likely_cause="It is the link of a list or of another page.",
            fix="Open the conversation itself in Agent Studio and copy the link from there.",
        )
    return ConversationLink(
        check_typed_id(ids[0]),
        region=_region(host),
        account=account if account and is_safe_identifier(account) else None,
        project=project if project and is_safe_identifier(project) else None,
    )


def _path(path: str) -> tuple[str | None, str | None, list[str]]:
    """Split a link's path into account, project and possible ids, the likeliest first."""
    segments = [unquote(segment) for segment in path.split("/") if segment]
    is_api = bool(segments) and segments[0] in ("v1", "v3")
    if is_api:
        # `/v1/agents/{project}/conversations/{id}/audio`, or account and project as in Studio
        segments = ["", *segments[2:]] if segments[1:2] == ["agents"] else segments[1:]
    account, project, kind, *rest = [*segments, "", "", ""][: max(len(segments), 3)]
    if kind != "conversations":
        return account or None, project or None, []
    ids = [segment for segment in rest if segment.lower() not in _SCOPE_WORDS]
    if not is_api:
        ids.reverse()  # Studio puts the id last, behind its scope words
    ids.sort(key=lambda segment: KNOWN_ID.fullmatch(segment) is None)
    return account or None, project or None, ids


def _region(host: str) -> str | None:
    if host == "studio.poly.ai":  # self-serve has no region label
        return "studio"
    label = re.fullmatch(r"[a-z0-9-]+\.([a-z0-9-]+)\.(?:poly\.ai|platform\.polyai\.app)", host)
    return _REGION_BY_LABEL.get(label[1]) if label else None
