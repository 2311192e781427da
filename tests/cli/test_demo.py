"""What `callaudio demo` prints, in a terminal of the usual width."""

from io import StringIO

from rich.console import Console

from bot.cli.demo import COLUMNS, table_of
from bot.cli.demo_play import Line
from bot.cli.demo_script import ACTS

TOLD = {"size": "193 KB", "length": "0:12", "took": "0.4 s", "thread": "own messages"}


def test_at_80_columns_every_name_code_and_figure_is_whole():
    lines = [
        Line(act, gets=str(act.outcome or "failed"), why=str(act.reason), is_right=True, **TOLD)
        for act in ACTS
    ]
    screen = Console(width=80, file=StringIO())
    screen.print(table_of(lines))
    printed = screen.file.getvalue()

    _, headings, *_ = printed.splitlines()
    assert all(each in headings for each in COLUMNS)
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.count("✓ ") == len(ACTS)
    whole = [
        *(line.why for line in lines),
        "cleared analyst",
        "/callaudio CA0123…",
        "193 KB · 0:12",
    ]
    assert [each for each in whole if each not in printed] == []
