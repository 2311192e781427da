"""The output of commands cannot control the terminal, and ids are never truncated."""

import pytest

from bot.cli import console

COLUMNS = ("id", "team", "subject", "given_by", "starts_at", "reason")
ROW = {
    "id": 7,
    "team": "T0123456789",
    "subject": "U0123456789",
    "given_by": "cli:operator",
    "starts_at": "2026-06-03T12:00:00+00:00",
    "reason": "call quality review [of] the :key: spring",
}


@pytest.mark.parametrize(
    ("width", "is_table"), [(None, True), (200, True), (120, False), (80, False), (40, False)]
)
def test_cells_stay_whole_in_a_terminal_of_any_width_and_in_a_file(
    width, is_table, monkeypatch, capsys
):
    monkeypatch.delenv("COLUMNS", raising=False)
    if width:
        monkeypatch.setenv("COLUMNS", str(width))
    console.print_rows([ROW, ROW], COLUMNS, as_json=False)
    printed = capsys.readouterr().out
    assert [printed.count(str(whole)) for whole in ROW.values() if whole != 7] == [2] * 5
    assert ("┃" in printed) is is_table


def test_an_empty_list_says_so(capsys):
    console.print_rows([], COLUMNS, as_json=False)
    assert capsys.readouterr().out == "There are none.\n"
    console.print_rows([], COLUMNS, as_json=True)
    assert capsys.readouterr().out == "[]\n"


def test_a_listed_reason_cannot_control_the_terminal(capsys):
    row = {**ROW, "reason": "ok\x1b]0;owned\x07\nT0000 forged row :x:"}
    console.print_rows([row], COLUMNS, as_json=False)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\\x1b" in printed
    assert "\nT0000" not in printed
    assert "forged row :x:" in printed, "no picture replaces it"
