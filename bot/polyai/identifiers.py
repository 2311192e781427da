"""Which strings may become part of a PolyAI URL."""

import re

from bot.errors import UsageError

# The shapes seen so far (polyai.md, "Identifiers and Studio links"); any other is possible.
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
MARKED_ID = rf"(?:CA[0-9a-fA-F]{{32}}|(?:LOCAL-|OUT-|AS_CHAT_){UUID}|CONV-[0-9]{{4,20}})"
KNOWN_ID = re.compile(rf"{MARKED_ID}|{UUID}")

_OPAQUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}")
# An id is stored and shown, and a number must be neither. No id seen so far is digits alone.
_PHONE_NUMBER = re.compile(r"\+?[0-9]{7,15}")
_PLACEHOLDER_WORDS = frozenset(
    {"callid", "conversation", "conversationid", "theconversationid", "yourconversationid"}
)
_BRACKETED = re.compile(r"[{<\[(].*[})>\]]|\$\{?\w+\}?|:[a-z]\w*", re.IGNORECASE | re.DOTALL)


class InvalidConversationId(UsageError):
    """What was given cannot be the id of a conversation."""

    code = "invalid_conversation_id"
    what = "That is not a conversation id."
    likely_cause = "A conversation id holds letters, digits and `_ . : -`, at most 128 of them."
    fix = (
        "Copy the id or the link of the conversation from Agent Studio, "
        "for example `CA` followed by 32 characters."
    )


def is_safe_identifier(text: str) -> bool:
    """Whether ``text`` has the form of a PolyAI id and no path in it."""
    return _OPAQUE.fullmatch(text) is not None and ".." not in text


def check_conversation_id(text: str) -> str:
    """Return ``text`` unchanged if it can be a conversation id.

    Ids are opaque and case-sensitive: ``[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}`` without ``..``, and not
    a placeholder copied from documentation, such as ``{conversationId}`` or ``CONVERSATION_ID``.

    Raises:
        InvalidConversationId: for anything else; the text itself is not repeated.
    """
    if _is_placeholder(text):
        raise InvalidConversationId(
            what="That is the placeholder from the instructions, not a conversation id.",
            likely_cause="The example was copied without putting a real id in its place.",
        )
    if _PHONE_NUMBER.fullmatch(text):
        raise InvalidConversationId(
            what="That looks like a phone number, not a conversation id.",
            likely_cause="The caller's number was typed in place of the call's id.",
        )
    if not is_safe_identifier(text):
        raise InvalidConversationId
    return text


def _is_placeholder(text: str) -> bool:
    if _BRACKETED.fullmatch(text):
        return True
    return re.sub(r"[-_.]", "", text).lower() in _PLACEHOLDER_WORDS
