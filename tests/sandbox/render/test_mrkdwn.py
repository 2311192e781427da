from datetime import timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.render.markup import UnrenderableError
from bot.sandbox.render.mrkdwn import mrkdwn, text_object
from tests.sandbox.render.conftest import Drawn
from tests.tables import each_row

SPANS = {"strong", "em", "s", "code", "pre", "blockquote", "br", "a", "span"}


@each_row(
    ("written", "drawn"),
    [
        ("plain", "plain"),
        (
            "*bold* and _italic_ and ~gone~",
            "<strong>bold</strong> and <em>italic</em> and <s>gone</s>",
        ),
        ("*bold _and italic_*", "<strong>bold <em>and italic</em></strong>"),
        ("2*3*4, snake_case_name, * not bold *", "2*3*4, snake_case_name, * not bold *"),
        ("`a *b* &lt;c&gt;`", "<code>a *b* &lt;c&gt;</code>"),
        ("```\none\ntwo\n```", "<pre>one\ntwo</pre>"),
        ("one\ntwo", "one<br>two"),
        ("&gt; said\n&gt; twice\nanswered", "<blockquote>said<br>twice</blockquote>answered"),
        ("<@U0ANALYST0>", '<span class="mention">@Quality analyst</span>'),
        ("*<@U0ANALYST0>*", '<strong><span class="mention">@Quality analyst</span></strong>'),
        ("<@U0NOBODY>", '<span class="mention">@U0NOBODY</span>'),
        ("<#C0QUALITY0|other>", '<span class="mention">#quality</span>'),
        ("<#C0OTHER000|other>", '<span class="mention">#other</span>'),
        ("<!subteam^S0LEADS>", '<span class="mention">@leads</span>'),
        ("<!subteam^S0OTHER|@other>", '<span class="mention">@other</span>'),
        ("<!channel>", '<span class="mention loud">@channel</span>'),
        ("&lt;!channel&gt;", "&lt;!channel&gt;"),
        (
            "<https://example.com/?a=1&amp;b=2|the rules>",
            '<a href="https://example.com/?a=1&amp;b=2" rel="noreferrer">the rules</a>',
        ),
        ("<javascript:alert(1)|harmless>", "&lt;javascript:alert(1)|harmless&gt;"),
        ('<b onclick="x">', "&lt;b onclick=&quot;x&quot;&gt;"),
        ("R&amp;D &amp;lt;", "R&amp;D &amp;lt;"),
    ],
)
def test_each_markup_is_drawn(reader, written, drawn):
    assert mrkdwn(written, reader) == drawn


@each_row(
    ("pattern", "hours_away", "drawn"),
    [
        ("{date_short_pretty} {time}", 0, "today 13:30"),
        ("{date_short_pretty} {time}", 24, "tomorrow 13:30"),
        ("{date_pretty}", -24, "yesterday"),
        ("{date_short_pretty}", 48, "Jun 5, 2026"),
        ("{date_num} {time_secs}", 0, "2026-06-03 13:30:00"),
        ("{date}", 24 * 8, "June 11th, 2026"),
        ("{date_long}", -48, "Monday, June 1st, 2026"),
    ],
)
def test_dates_are_formatted_for_the_reader(reader, pattern, hours_away, drawn):
    at = int((reader.now + timedelta(hours=hours_away)).timestamp())
    assert mrkdwn(f"<!date^{at}^{pattern}|some day>", reader) == drawn


def test_times_are_in_the_reader_s_zone(reader):
    west = type(reader)("U0", reader.now, zone=timezone(timedelta(hours=-14)))
    at = int(reader.now.timestamp())
    assert mrkdwn(f"<!date^{at}^{{date_short_pretty}} {{time}}|x>", west) == "today 23:30"
    assert mrkdwn(f"<!date^{at}^{{date_num}}|x>", west) == "2026-06-02"


def test_an_unknown_date_token_is_refused(reader):
    with pytest.raises(UnrenderableError, match="month"):
        mrkdwn("<!date^0^{month}|x>", reader)


@given(text=st.text(alphabet=st.sampled_from("ab <>&;\"'`*_~|@#!^\n/:https") | st.characters()))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_no_text_becomes_markup(reader, text):
    drawn = Drawn(mrkdwn(text, reader))
    assert set(drawn.names) <= SPANS
    assert {name for name, _ in drawn.attributes} <= {"class", "href", "rel"}
    addresses = [value for name, value in drawn.attributes if name == "href"]
    assert all(address.startswith(("http://", "https://", "mailto:")) for address in addresses)


@given(text=st.text().filter(lambda text: "\r" not in text and "\0" not in text))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_plain_text_is_drawn_as_it_is(reader, text):
    drawn = Drawn(text_object({"type": "plain_text", "text": text}, reader))
    assert drawn.text == text
    assert set(drawn.names) <= {"br"}


def test_text_of_an_unknown_kind_is_refused(reader):
    with pytest.raises(UnrenderableError):
        text_object({"type": "markdown", "text": "x"}, reader)
