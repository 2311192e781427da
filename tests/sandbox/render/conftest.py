"""A viewer, and a parser that reads the drawn markup as a browser would."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from bot.sandbox.render.reader import Reader

WITHOUT_END = {"br", "img", "meta"}


class Drawn(HTMLParser):
    """The text, elements and attributes of some markup; fails if an element is not closed."""

    def __init__(self, markup):
        super().__init__(convert_charrefs=True)
        self.text, self.names, self.attributes, self.open = "", [], [], []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.names.append(name)
        self.attributes += attributes
        if name == "br":
            self.text += "\n"
        if name not in WITHOUT_END:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        self.text += text

    def handle_comment(self, _text):
        raise AssertionError("a comment out of nowhere")


@pytest.fixture
def reader():
    return Reader(
        "U0ANALYST0",
        datetime(2026, 6, 3, 13, 30, tzinfo=UTC),
        {"U0ANALYST0": "Quality analyst", "C0QUALITY0": "quality", "S0LEADS": "leads"},
    )
