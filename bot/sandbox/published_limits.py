"""How many calls a minute Slack's pages allow of each method that is limited by a tier."""

from collections.abc import Mapping
from types import MappingProxyType

_TIER_2, _TIER_3, _TIER_4 = 20, 50, 100

PUBLISHED_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("conversations.list", "usergroups.users.list"), _TIER_2),
        **dict.fromkeys(
            (
                "chat.delete",
                "chat.update",
                "conversations.history",
                "conversations.info",
                "conversations.join",
                "conversations.open",
                "conversations.replies",
                "files.delete",
                "users.conversations",
            ),
            _TIER_3,
        ),
        **dict.fromkeys(
            (
                "chat.postEphemeral",
                "conversations.members",
                "files.completeUploadExternal",
                "files.getUploadURLExternal",
                "files.info",
                "users.info",
                "views.open",
                "views.publish",
                "views.push",
                "views.update",
            ),
            _TIER_4,
        ),
    }
)
