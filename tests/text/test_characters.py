"""Invisible characters: removed from typed text, escaped on terminals."""
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
def test_invisible_characters_of_a_typed_word_are_removed(typed, plain):
    assert made_plain(typed) == plain


@given(st.text())
def test_plain_text_is_unchanged(text):
    assert made_plain(made_plain(text)) == made_plain(text)
    assert len(made_plain(text)) <= len(text)


def test_text_loses_only_control_characters():
    assert (
        without_control("night\x00 shift \u2013 می\u200cخواهم\n")
        == "night shift \u2013 می\u200cخواهم\n"
    )


@given(st.text())
def test_no_printed_text_controls_the_terminal(text):
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
def test_control_characters_are_escaped_and_letters_are_unchanged(text, shown):
    assert printable(text) == shown
