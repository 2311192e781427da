"""The bot scopes of the manifest: required ones, and optional ones with their effect."""

from types import MappingProxyType
from typing import Final

REQUIRED: Final = frozenset(
    {
        "commands",
        "chat:write",
        "files:write",
        "files:read",
        "channels:read",
        "groups:read",
        "im:read",
        "mpim:read",
        "im:write",
        "users:read",
        "usergroups:read",
    }
)

WITHOUT: Final = MappingProxyType(
    {
        "channels:join": "somebody has to invite the bot to public channels",
        "channels:history": "a lost answer may lead to a second announcement",
        "groups:history": "the same in private channels",
    }
)
"""The optional scopes, and what happens without each."""
