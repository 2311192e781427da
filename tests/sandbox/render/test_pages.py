import re
from dataclasses import replace

import pytest

from bot.sandbox import recordings
from bot.sandbox.objects import Ephemeral, File
from bot.sandbox.render.markup import UnrenderableError
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace
from tests.pictures.pages import channel_page, home_page, modal_page, page, thread_page
from tests.sandbox.render import samples
from tests.sandbox.render.conftest import Drawn
from tests.tables import each_row

WHO, OTHER, WHERE = "U0ANALYST0", "U0OTHER000", "C0QUALITY0"
NAMES = {WHO: "Quality analyst", WHERE: "quality"}
SPEECH = recordings.load("combined", redacted=True)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
TEXT = "".join(f"line {n} & more\n" for n in range(30)).encode()


@pytest.fixture
def workspace():
    workspace = Workspace(clock=lambda: 1_780_493_400.0)
    workspace.add_user(WHO)
    workspace.add_channel(WHERE, members=[WHO, OTHER])
    return workspace


def share(workspace, content, parent, **about):
    file = File(workspace.next_id("F"), "CA1-raw.wav", "CA1 (raw)", len(content), content=content)
    workspace.file_table[file.id] = replace(file, **about)
    return workspace.post(WHERE, workspace.bot_user_id, thread_ts=parent.ts, files=(file.id,))


def drawn_thread(workspace, parent):
    markup = thread_page(workspace, WHERE, parent.ts, Reader.of(workspace, WHO, NAMES))
    return Drawn(markup)


def drawn_channel(workspace, **more):
    return Drawn(channel_page(workspace, WHERE, Reader.of(workspace, WHO, NAMES), **more)).text


def test_a_thread_shows_people_texts_and_times(workspace):
    parent = workspace.say(WHERE, WHO, "Listen to *this*")
    share(workspace, SPEECH, parent)
    workspace.say(WHERE, WHO, "elsewhere")
    text = drawn_thread(workspace, parent).text
    assert text.startswith("Thread # quality")
    assert "Quality analyst13:30Listen to this1 replycallaudioAPP13:30" in text.replace("QAQ", "Q")
    assert "elsewhere" not in text


@each_row(
    ("content", "about", "seen", "unseen"),
    [
        (SPEECH, {}, "CA1 (raw)WAV audio0:000:12", "deleted"),
        (SPEECH, {"deleted": True}, "This file was deleted.", "CA1"),
        (PNG, {}, "CA1 (raw)", "WAV"),
        (TEXT, {"name": "CA1-transcript.txt"}, "line 19 & more", "line 20"),
    ],
)
def test_each_kind_of_file_is_shown_in_its_thread(workspace, content, about, seen, unseen):
    parent = workspace.say(WHERE, WHO, "x")
    share(workspace, content, parent, **about)
    drawn = drawn_thread(workspace, parent)
    assert seen in drawn.text
    assert unseen not in drawn.text
    assert ("img" in drawn.names) is (content == PNG)


@each_row("content", [b"", b"%PDF-1.7", b"RIFF\x00\x00\x00\x00WAVE", b"RIFF"])
def test_a_file_of_an_unknown_kind_raises(workspace, content):
    parent = workspace.say(WHERE, WHO, "x")
    share(workspace, content, parent)
    with pytest.raises(UnrenderableError):
        drawn_thread(workspace, parent)


def test_a_channel_shows_replies_only_in_their_thread(workspace):
    parent = workspace.say(WHERE, WHO, "first")
    for words in ("one", "two"):
        workspace.say(WHERE, WHO, words, thread_ts=parent.ts)
    text = drawn_channel(workspace)
    assert "2 replies" in text
    assert "one" not in text


def test_a_private_note_is_shown_only_to_its_reader(workspace):
    blocks = ({"type": "section", "text": samples.marked("for *you*")},)
    workspace.show(Ephemeral(WHERE, WHO, "fallback", blocks))
    workspace.show(Ephemeral(WHERE, OTHER, "for somebody else"))
    text = drawn_channel(workspace)
    assert "Only visible to youcallaudioAPP13:30for you" in text
    assert "somebody else" not in text
    assert "fallback" not in text


def test_a_channel_is_shown_from_a_given_time_on(workspace):
    workspace.say(WHERE, WHO, "before")
    since = workspace.next_ts()
    workspace.say(WHERE, WHO, "after")
    text = drawn_channel(workspace, since=since)
    assert "after" in text
    assert "before" not in text


def test_a_modal_shows_its_title_its_fields_and_its_buttons(reader):
    text = Drawn(modal_page(samples.MODAL, reader)).text
    assert text.startswith("Find a recording")
    assert text.endswith("CancelFetch")
    assert "#quality" in text


def test_home_shows_its_tab(reader):
    text = Drawn(home_page(samples.HOME, reader)).text
    assert text.startswith("callaudioHomeMessagesAbout")
    assert "may hear unredacted recordings" in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_loads_nothing_from_other_hosts(reader, theme):
    markup = page(home_page(samples.HOME, reader), modal_page(samples.MODAL, reader), theme=theme)
    drawn = Drawn(markup.removeprefix("<!doctype html>"))
    assert ("data-theme", theme) in drawn.attributes
    assert set(drawn.names) & {"script", "link", "iframe", "base", "object"} == set()
    assert not re.search(r"url\(|@import|\bsrc=", markup)


def test_every_css_class_of_the_pages_has_a_style(reader):
    markup = page(home_page({"blocks": samples.MESSAGE}, reader), modal_page(samples.MODAL, reader))
    used = {name for names in re.findall(r'class="([^"]*)"', markup) for name in names.split()}
    styled = set(re.findall(r"\.([a-z][\w-]*)", markup.partition("</style>")[0]))
    assert used - styled == set()
