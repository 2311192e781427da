import pytest

from bot.sandbox.block_limits import problems
from bot.sandbox.objects import File
from bot.sandbox.render.blocks import blocks
from bot.sandbox.render.markup import UnrenderableError
from bot.sandbox.render.reader import Reader
from tests.sandbox.render import samples
from tests.sandbox.render.conftest import Drawn
from tests.sandbox.render.samples import button, field, marked, number, plain, rich, words
from tests.tables import each_row

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
LIST = rich(*rich({"type": "text", "text": "item"})["elements"], kind="rich_text_list")
PICTURE = {"slack_file": {"id": "F0WAVES"}, "alt_text": "waves"}


def draw(reader, *some):
    return Drawn(blocks(some, reader))


@pytest.mark.parametrize(
    ("some", "surface"),
    [
        (samples.MESSAGE, "message"),
        (samples.MODAL["blocks"], "modal"),
        (samples.HOME["blocks"], "home"),
    ],
    ids=["message", "modal", "home"],
)
def test_the_samples_are_valid_for_slack(some, surface):
    assert problems(some, surface) == []


@each_row(
    ("block", "seen"),
    [
        ({"type": "section", "text": plain("*as it is*")}, ["*as it is*"]),
        ({"type": "section", "fields": [marked("*left*"), plain("right")]}, ["left", "right"]),
        ({"type": "section", "text": plain("x"), "accessory": button("Go")}, ["x", "Go"]),
        ({"type": "header", "text": plain("Title"), "level": 2}, ["Title"]),
        ({"type": "context", "elements": [marked("_small_"), plain("too")]}, ["small", "too"]),
        ({"type": "actions", "elements": [button("One"), button("Two")]}, ["One", "Two"]),
        (field({"type": "number_input"}, hint=plain("in hours")), ["A number_input", "in hours"]),
        (field({"type": "static_select", "options": samples.CHOICES}), ["Select an item"]),
        (field({"type": "multi_static_select", "initial_options": samples.CHOICES}), ["second"]),
        (field({"type": "channels_select", "initial_channel": "C0QUALITY0"}), ["#quality"]),
        (field({"type": "users_select", "initial_user": "U0ANALYST0"}), ["@Quality analyst"]),
        (field({"type": "timepicker", "initial_time": "09:00"}), ["09:00"]),
        (field({"type": "plain_text_input"}, optional=True), ["(optional)"]),
        (samples.TABLE, ["Agent", "sales", "12"]),
        (samples.DATA_TABLE, ["The longest calls", "CA2", "540", "of 3"]),
        (rich({"type": "text", "text": "a <b>"}, {"type": "user", "user_id": "U0"}), ["a <b>@U0"]),
        (rich({"type": "date", "timestamp": 0, "format": "{date_num}"}), ["1970-01-01"]),
        (LIST, ["item"]),
        (rich({"type": "channel", "channel_id": "C0QUALITY0"}), ["#quality"]),
        (rich({"type": "usergroup", "usergroup_id": "S0LEADS"}), ["@leads"]),
    ],
)
def test_each_block_is_drawn_with_its_text(reader, block, seen):
    drawn = draw(reader, block)
    for each in seen:
        assert each in drawn.text


def test_a_table_shows_only_its_first_page(reader):
    assert "CA3" not in draw(reader, samples.DATA_TABLE).text


def test_a_long_word_in_a_table_is_truncated_on_the_page(reader):
    rows = [[words("Conversation"), words("Caller")], [words("CA" + "0" * 32), words("+44•••90")]]
    drawn = blocks([{"type": "table", "rows": rows}], reader)
    assert drawn.count('class="left long"') == 1


def test_the_value_of_a_button_is_not_shown(reader):
    block = {"type": "actions", "elements": [button("Go", value="secret", style="danger")]}
    markup = blocks([block], reader)
    assert "secret" not in markup
    assert 'class="button danger"' in markup


def test_the_selected_choices_are_marked(reader):
    modal = blocks(samples.MODAL["blocks"], reader)
    assert modal.count('class="check chosen"') == 1
    assert modal.count('class="radio chosen"') == 1


def test_styles_of_rich_text_nest(reader):
    style = {"bold": True, "italic": True, "strike": True, "code": True}
    drawn = draw(reader, rich({"type": "text", "text": "x", "style": style}))
    assert drawn.names[-4:] == ["s", "em", "strong", "code"]


def test_a_picture_is_read_from_the_workspace(reader):
    own = Reader(
        "U0", reader.now, files={"F0WAVES": File("F0WAVES", "w.png", "w", 16, content=PNG)}
    )
    some = [{"type": "image", "title": plain("Both sides"), **PICTURE}]
    drawn = Drawn(blocks(some, own))
    assert drawn.text == "Both sides"
    sources = [value for name, value in drawn.attributes if name == "src"]
    assert [source.split(",")[0] for source in sources] == ["data:image/png;base64"]


@each_row(
    "block",
    [
        {"type": "video"},
        {"type": "markdown", "text": "x"},
        {"text": plain("x")},
        "no block",
        {"type": "image", "image_url": "https://example.com/x.png", "alt_text": "x"},
        {"type": "image", **PICTURE},
        {"type": "section", "text": {"type": "html", "text": "x"}},
        {"type": "actions", "elements": [{"type": "workflow_button"}]},
        {"type": "context", "elements": [{"type": "image", "image_url": "x", "alt_text": "x"}]},
        field({"type": "file_input"}),
        rich({"type": "emoji", "name": "wave"}),
        rich({"type": "text", "text": "x"}, kind="rich_text_poem"),
        {"type": "table", "rows": [[words("x")], [{"type": "button"}]]},
        {"type": "table", "rows": [[words("x")], [{**number(1), "type": "x"}]]},
        samples.chart("radar"),
    ],
    ids=str,
)
def test_an_unknown_block_raises(reader, block):
    with pytest.raises(UnrenderableError):
        blocks([block], reader)
