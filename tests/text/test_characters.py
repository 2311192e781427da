"""Characters that nobody sees: gone from what people type, spelt out on terminals."""
# ruff: noqa: RUF001 - characters that look like others, or like nothing, are the point

from hypothesis import given
from hypothesis import strategies as st

from bot.text.characters import made_plain, printable, without_control
from tests.tables import each_row


@each_row(
    ("typed", "plain"),
    [
        ("re\u00addacted", "redacted"),
        ("\u200bid\u200d\u2060\ufeff", "id"),
        ("\u2066id\u2069 \u202eab", "id ab"),
        ("i\x00d\x1b", "id"),
        ("a\ufe0fb\u3164", "ab"),
        ("a\u2010b\u2011c\u2013d\u2014e\u2212f\uff0dg", "a-b-c-d-e-f-g"),
        ("\uff23\uff21\uff11\uff1a", "CA1:"),
        ("a\u00a0b\u3000c\td", "a\u00a0b\u3000c\td"),
    ],
)
def test_a_typed_word_is_made_plain(typed, plain):
    assert made_plain(typed) == plain


@given(st.text())
def test_plain_text_is_unchanged(text):
    assert made_plain(made_plain(text)) == made_plain(text)
    assert len(made_plain(text)) <= len(text)


def test_text_keeps_all_but_control_characters():
    assert (
        without_control("night\x00 shift \u2013 می\u200cخواهم\n")
        == "night shift \u2013 می\u200cخواهم\n"
    )


@given(st.text())
def test_nothing_printed_steers_the_terminal(text):
    assert all(each.isprintable() or each == "\n" for each in printable(text))
    assert printable(text, keep="").isprintable()


@each_row(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
        ("bell\x07", "bell\\x07"),
        ("\u202egnirts", "\\u202egnirts"),
        ("\u009b1m", "\\x9b1m"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("Zażółć 日本 🎉", "Zażółć 日本 🎉"),
    ],
)
def test_steering_characters_are_spelt_out_and_letters_stay(text, shown):
    assert printable(text) == shown
