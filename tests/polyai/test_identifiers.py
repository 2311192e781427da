"""Which typed ids are accepted: known shapes, and others that cannot be a personal number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.identifiers import (
    InvalidConversationId,
    PersonalNumber,
    check_conversation_id,
    check_typed_id,
    may_be_personal,
)
from tests.tables import each_row

UUID = "0e0e0e0e-aaaa-bbbb-cccc-121212121212"
SEPARATORS = st.text(st.sampled_from(" -._:/()\u2013\u00a0"), max_size=2)


@each_row(
    "conversation_id",
    [
        "CAabcd1234567abcdef1250065d4fc7389",
        "CA12345678901234567890123456789012",
        f"LOCAL-{UUID}",
        f"OUT-{UUID}",
        f"AS_CHAT_{UUID}",
        UUID,
        "12345678-1234-1234-1234-123456789012",
        "CONV-1234567890",
        # not seen yet, and certainly no personal number
        f"WEB-{UUID}",
        "0123456789abcdef0123456789abcdef",
        "REabcd1234567abcdef1250065d4fc7389",
        # custom ids of debug chats
        "my-debug.chat_1",
        "custom:id_1.2-X",
        "Case-Is-KEPT",
        "test_12345",
        "chat123",
    ],
)
def test_an_id_is_accepted_unchanged(conversation_id):
    assert check_typed_id(conversation_id) == conversation_id


@each_row(
    "text",
    [
        "loud", "help", "Jane", "redacted", "12345", "x" * 200, "é-1",
        "", "ab", "a/b/c", "a?b", "a#b", "a..b", "../x", "a b", "a\nb", "abc\n", "a\x00b", "a%2Fb",
        "{x", "x}", "-abc", "éabc", "abcé", "٣٣٣",
    ],
)  # fmt: skip
def test_words_short_numbers_and_unsafe_text_are_no_ids_and_not_repeated(text):
    with pytest.raises(InvalidConversationId) as refused:
        check_typed_id(text)
    assert refused.value.what == "That is not a conversation id."
    assert "Agent Studio" in refused.value.fix
    assert not text or text not in str(vars(refused.value))


@each_row(
    "text",
    [
        "{conversationId}", "{{id}}", "<id>", "<conversation-id>", "[id]", "${ID}", "$CALL",
        ":id", ":conversationId", "CONVERSATION_ID", "conversationId", "YOUR_CONVERSATION_ID",
        "conversation-id",
    ],
)  # fmt: skip
def test_placeholders_are_reported_as_placeholders(text):
    with pytest.raises(InvalidConversationId) as caught:
        check_typed_id(text)
    assert "placeholder" in caught.value.what
    assert "copied" in caught.value.likely_cause


PERSONAL = {
    "a phone number": "+44 7700 900123",
    "one with brackets": "(020) 7946-0958",
    "one behind a word": "tel-447700900123",
    "a card": "4111 1111 1111 1111",
    "a card with dots": "4111.1111.1111.1111",
    "an IBAN": "GB82 WEST 1234 5698 7654 32",
    "an IBAN in one": "DE89370400440532013000",
    "an IBAN with dashes": "NL91-ABNA-0417-1643-00",
    "a US social-security number": "078-05-1120",
    "the same with dots": "078.05.1120",
    "a British national insurance number": "QQ 12 34 56 C",
    "a Spanish DNI": "12345678Z",
    "a Spanish NIE": "X-1234567-L",
    "an Italian codice fiscale": "RSSMRA85T10A562S",
    "a Finnish henkilötunnus": "131052-308T",
    "a Swedish personnummer": "19811218-9876",
    "a French NIR from Corsica": "1 85 05 2A 006 084 36",
    "a Mexican CURP": "HEGG560427MVZRRL04",
    "an Irish PPS number": "1234567TW",
    "a German social-insurance number": "65 170839 J 003",
    "a date of birth": "born-1985-10-12",
    "other digits": "٠٧٧٠٠٩٠٠١٢٣",
}


@each_row("number", PERSONAL.values(), ids=PERSONAL)
def test_a_personal_number_is_refused_with_any_separators(number):
    assert may_be_personal(number)
    for spelt in (number, *(number.replace(" ", each) for each in ("", "-", ".", "_", ":"))):
        with pytest.raises(InvalidConversationId) as refused:
            check_typed_id(spelt)
        assert spelt not in str(vars(refused.value))


def spread(characters: str, separators: list[str]) -> str:
    """Put a separator after each character for which there is one."""
    return "".join(
        each + separator
        for each, separator in zip(characters, [*separators, *[""] * len(characters)], strict=False)
    )


@pytest.mark.parametrize("number", ["ABCDE1234F", "abcde1234f", "CFGH1234K"])
def test_a_word_of_letters_and_four_digits_may_be_a_tax_or_passport_number(number):
    with pytest.raises(PersonalNumber):
        check_typed_id(number)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """Card numbers with a check digit by Luhn's rule."""
    digits = draw(st.lists(st.integers(0, 9), min_size=11, max_size=18))
    doubled = [
        digit if at % 2 else sum(divmod(2 * digit, 10)) for at, digit in enumerate(reversed(digits))
    ]
    return "".join(map(str, [*digits, -sum(doubled) % 10]))


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """IBANs with check digits by mod 97, of countries with digits alone and with letters."""
    country = draw(st.sampled_from(["DE", "GB", "NL", "FR", "MT", "NO"]))
    bank = draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", max_size=4))
    account = draw(st.text("0123456789", min_size=10, max_size=20))
    body = bank + account
    number = int("".join(str(int(each, 36)) for each in f"{body}{country}00"))
    return f"{country}{98 - number % 97:02}{body}"


PHONES = st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True)
SOCIAL = st.from_regex(
    r"[0-9]{3}[0-9]{2}[0-9]{4}|[A-Z]{2}[0-9]{6}[A-D]|[XYZ][0-9]{7}[A-Z]|[0-9]{8}[A-Z]"
    r"|[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]|[0-9]{6}[-+A][0-9]{3}[0-9A-Z]",
    fullmatch=True,
)


@given(cards() | ibans() | PHONES | SOCIAL, st.lists(SEPARATORS, max_size=30))
def test_no_personal_number_is_accepted_with_any_separators_between_its_digits(number, parts):
    spelt = spread(number, parts)
    assert may_be_personal(spelt)
    with pytest.raises(InvalidConversationId):
        check_typed_id(spelt)


@given(st.text("0123456789-._:", min_size=3, max_size=40))
def test_text_without_a_letter_is_an_id_only_if_it_is_a_uuid(text):
    with pytest.raises(InvalidConversationId):
        check_typed_id(text)


def test_polyais_own_ids_may_be_of_other_shapes_but_not_unsafe_or_numbers():
    """A list with ids of a new shape is still read."""
    for known in ("VOICE.20261103.0042", "x" * 128):
        assert check_conversation_id(known) == known
    for unsafe in ("x" * 129, "a/b", "a..b", "a b", "{id}"):
        with pytest.raises(InvalidConversationId):
            check_conversation_id(unsafe)
    for number in ("447700900123", "4111-1111-1111-1111", "+447700900123", "078.05.1120"):
        with pytest.raises(PersonalNumber) as refused:
            check_conversation_id(number)
        assert number not in str(vars(refused.value))
