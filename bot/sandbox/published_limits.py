"""How many calls a minute Slack's pages allow of each method that is limited by a tier."""

from collections.abc import Mapping

_TIER_2 = "conversations.list usergroups.users.list"
_TIER_3 = """
    chat.delete chat.update
    conversations.history conversations.info conversations.join conversations.open
    conversations.replies
    files.delete
    users.conversations
"""
_TIER_4 = """
    chat.postEphemeral
    conversations.members
    files.completeUploadExternal files.getUploadURLExternal files.info
    users.info
    views.open views.publish views.push views.update
"""
PUBLISHED_LIMITS: Mapping[str, int] = {
    method: calls
    for calls, methods in ((20, _TIER_2), (50, _TIER_3), (100, _TIER_4))
    for method in methods.split()
}
