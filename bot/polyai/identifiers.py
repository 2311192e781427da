"""Which strings may become part of a PolyAI URL."""

import re

from bot.errors import UsageError
from bot.ids import is_safe_identifier

# The shapes seen so far; any other is possible.
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
MARKED_ID = rf"(?:CA[0-9a-fA-F]{{32}}|(?:LOCAL-|OUT-|AS_CHAT_){UUID}|CONV-[0-9]{{4,20}})"
KNOWN_ID = re.compile(rf"{MARKED_ID}|{UUID}")

# No personal number looks like these: a UUID after any word, and hex of the same length.
_MACHINE_MADE = re.compile(
    rf"{MARKED_ID}|[A-Za-z_-]{{0,32}}{UUID}|(?:[A-Z]{{2}})?(?=[0-9]*[a-fA-F])[0-9a-fA-F]{{32,64}}"
)
# Dates of birth and national insurance numbers have six digits; other personal numbers have more.
_MAX_DIGITS_OF_AN_UNKNOWN_SHAPE = 5
# An Indian PAN and many passport numbers have four or five digits without a separator.
_MAX_DIGITS_OF_ONE_WORD = 3
_PLACEHOLDER_WORDS = frozenset(
    {"callid", "conversation", "conversationid", "theconversationid", "yourconversationid"}
)
_BRACKETED = re.compile(r"[{<\[(].*[})>\]]|\$\{?\w+\}?|:[a-z]\w*", re.IGNORECASE | re.DOTALL)


class InvalidConversationId(UsageError):
    """The text cannot be the id of a conversation."""

    code = "invalid_conversation_id"
    what = "That is not a conversation id."
    likely_cause = "A conversation id holds letters, digits and `_ . : -`, at most 128 of them."
    fix = (
        "Copy the id or the link of the conversation from Agent Studio, "
        "for example `CA` followed by 32 characters."
    )


class PersonalNumber(InvalidConversationId):
    """A number that may identify a person: never stored, logged or repeated."""

    code = "personal_number"
    what = "That may be a personal number; it is not a conversation id."
    likely_cause = (
        "A phone, card, bank account or social-security number was typed in place of the call's "
        "id, or the id was cut off while it was copied. I keep none of it."
    )


def is_machine_made(text: str) -> bool:
    """Whether an id has a known shape, or another shape that no personal number has."""
    return _MACHINE_MADE.fullmatch(text) is not None


def check_conversation_id(text: str) -> str:
    """Return ``text`` unchanged if it can be a conversation id from one of PolyAI's answers.

    Ids are opaque and case-sensitive: ``[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}`` without ``..``, and not
    a placeholder copied from documentation, such as ``{conversationId}`` or ``CONVERSATION_ID``.
    No id seen so far is digits alone, and a number must not be stored.

    Raises:
        InvalidConversationId: for anything else; the text itself is not repeated.
    """
    if _is_placeholder(text):
        raise InvalidConversationId(
            what="That is the placeholder from the instructions, not a conversation id.",
            likely_cause="The example was copied without putting a real id in its place.",
        )
    has_letters = any(each.isalpha() for each in text)
    if not has_letters and may_be_personal(text):
        raise PersonalNumber
    if not is_safe_identifier(text):
        raise InvalidConversationId
    return text


def check_typed_id(text: str) -> str:
    """Return ``text`` unchanged if it is a conversation id that cannot be a person's number.

    Typed and pasted ids are stored, audited and shown. Ids of the known shapes pass. Others, such
    as the custom id of a debug chat, need a letter and one of ``0-9 _ . : -``, because a single
    word is probably a typing error. They may hold five digits, or three without any ``_ . : -``.

    Raises:
        PersonalNumber: it holds more digits.
        InvalidConversationId: it is not an id.
    """
    check_conversation_id(text)
    if may_be_personal(text):
        raise PersonalNumber
    is_word_or_number = text.isalpha() or not any(each.isalpha() for each in text)
    if is_word_or_number and not is_machine_made(text):
        raise InvalidConversationId
    return text


def may_be_personal(text: str) -> bool:
    """Whether a text holds enough digits for a personal number, however they are separated.

    That is more than five in all of its words together, or more than three in a word of letters
    and digits. Ids of known shapes and other machine-made ids do not count.
    """
    words = [word for word in text.split() if not is_machine_made(word)]
    is_long_number = _count_digits("".join(words)) > _MAX_DIGITS_OF_AN_UNKNOWN_SHAPE
    return is_long_number or any(map(_is_number_with_letters, words))


def _is_number_with_letters(word: str) -> bool:
    has_both = word.isalnum() and not word.isdecimal()
    return has_both and _count_digits(word) > _MAX_DIGITS_OF_ONE_WORD


def _count_digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


def _is_placeholder(text: str) -> bool:
    if _BRACKETED.fullmatch(text):
        return True
    return re.sub(r"[-_.]", "", text).lower() in _PLACEHOLDER_WORDS
