"""Slack's published limits: how many calls of a method a workspace may make.

Sources: Slack's "Rate limits" page, and the tier on each method's page. A tier means "at least this
many a minute"; Slack may allow more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

POST: Final = "chat.postMessage"
INFO: Final = "conversations.info"
MEMBERS: Final = "conversations.members"
USER: Final = "users.info"


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of calls in any span of a number of seconds."""

    calls: int
    seconds: float


TIER_2: Final = Limit(20, 60.0)
TIER_3: Final = Limit(50, 60.0)
TIER_4: Final = Limit(100, 60.0)
IN_ONE_CHANNEL: Final = Limit(1, 1.0)
"""The limit for posts."""

PUBLISHED: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        "usergroups.users.list": TIER_2,
        "chat.delete": TIER_3,
        "chat.update": TIER_3,
        "conversations.history": TIER_3,
        INFO: TIER_3,
        "conversations.join": TIER_3,
        "conversations.open": TIER_3,
        "conversations.replies": TIER_3,
        "files.delete": TIER_3,
        "chat.postEphemeral": TIER_4,
        MEMBERS: TIER_4,
        "files.completeUploadExternal": TIER_4,
        "files.getUploadURLExternal": TIER_4,
        "files.info": TIER_4,
        USER: TIER_4,
        "views.open": TIER_4,
        "views.publish": TIER_4,
        "views.push": TIER_4,
        "views.update": TIER_4,
    }
)


def limited_by(method: str, arguments: Mapping[str, Any]) -> tuple[str, Limit] | None:
    """Return the key that a call counts under, and its limit; None if none is published."""
    if method == POST:
        return f"{POST} {arguments.get('channel')}", IN_ONE_CHANNEL
    limit = PUBLISHED.get(method)
    return (method, limit) if limit else None
