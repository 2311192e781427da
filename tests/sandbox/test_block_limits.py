from bot.sandbox.block_limits import problems
from tests.tables import each_row


def plain(text, kind="plain_text"):
    return {"type": kind, "text": text}


def button(**changes):
    return {"type": "button", "text": plain("Go"), "action_id": "go", "value": "v"} | changes


def cell(text="x"):
    return {"type": "raw_text", "text": text}


def rich(text):
    words = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [words]}


def series(*labels, value=1):
    return {"name": "calls", "data": [{"label": label, "value": value} for label in labels]}


def chart(**changes):
    own = {
        "type": "bar",
        "series": [series("a", "b")],
        "axis_config": {"categories": ["a", "b"]},
    } | changes
    return {**CHART, "chart": own}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


DATA_TABLE = {"type": "data_table", "caption": "C"}
CHART = {"type": "data_visualization", "title": "T"}
PIE = {"type": "pie", "segments": [{"label": "a", "value": 1}]}
CONFIRM = {name: plain("x") for name in ("title", "text", "confirm", "deny")}
GOOD = [
    {"type": "section", "text": plain("x", "mrkdwn"), "accessory": button()},
    {"type": "section", "fields": [plain("x")] * 10},
    {"type": "header", "text": plain("x" * 150), "level": 2},
    {"type": "divider"},
    {"type": "context", "elements": [plain("x", "mrkdwn")]},
    actions(button(), button(action_id="other", style="danger")),
    actions(button(confirm=CONFIRM)),
    {"type": "rich_text", "elements": []},
    {"type": "markdown", "text": "x"},
    {"type": "table", "rows": [[cell()]], "column_settings": [{"align": "right"}, None]},
    {**DATA_TABLE, "rows": [[cell()], [rich("x")]]},
    chart(),
    {**CHART, "chart": PIE},
]


@each_row("block", GOOD, ids=lambda block: block["type"])
def test_valid_blocks_are_accepted(block):
    assert problems([block]) == []


@each_row(
    "block",
    [
        {"type": "section"},
        {"type": "section", "text": plain("x" * 3001)},
        {"type": "section", "text": plain("")},
        {"type": "section", "fields": [plain("x")] * 11},
        {"type": "section", "fields": [plain("x" * 2001)]},
        {"type": "section", "text": plain("x"), "block_id": "b" * 256},
        {"type": "header", "text": plain("x" * 151)},
        {"type": "header", "text": plain("x", "mrkdwn")},
        {"type": "header", "text": plain("x"), "level": 5},
        {"type": "context", "elements": [plain("x")] * 11},
        actions(*(button(action_id=str(n)) for n in range(26))),
        actions(button(), button()),
        actions(button(text=plain("x" * 76))),
        actions(button(value="x" * 2001)),
        actions(button(confirm={**CONFIRM, "deny": None})),
        actions(button(confirm={**CONFIRM, "text": plain("x" * 301)})),
        actions({"type": "static_select", "options": []}),
        actions({"type": "static_select", "placeholder": plain("x" * 151)}),
        {"type": "markdown", "text": "x" * 12_001},
        {"type": "image", "alt_text": "x"},
        {"type": "video"},
        {"type": "file"},
        {"type": "alert", "text": plain("x")},
        {"type": "table", "rows": [[cell("")]]},
        {"type": "table", "rows": [[cell()]] * 101},
        {"type": "table", "rows": [[cell()] * 21]},
        {"type": "table", "rows": [[cell("x" * 1001)]] * 10},
        {"type": "data_table", "rows": [[cell()], [cell()]]},
        {**DATA_TABLE, "rows": [[cell()], [cell(), cell()]]},
        {**DATA_TABLE, "rows": [[cell()]] * 202},
        {**DATA_TABLE, "rows": [[cell()]] * 2, "page_size": 101},
        chart(axis_config={"categories": ["a", "b", "c"]}),
        {**DATA_TABLE, "rows": [[cell()]] * 2, "row_header_column_index": 1},
        {**DATA_TABLE, "rows": [[cell()], [cell("x" * 20_000)]]},
        {**DATA_TABLE, "rows": [[cell()], [{"type": "rich_text"}]]},
        {"type": "table", "rows": [[{"type": "raw_number", "value": True, "text": "1"}]]},
        {"type": "table", "rows": [[rich("x" * 5001)]] * 2},
        chart(axis_config={"categories": ["a", "a"]}, series=[series("a", "a")]),
        chart(series=[series("a", "b", value="1")]),
        chart(series=[series("a", "b")] * 2),
        chart(series=[]),
        chart(type="radar"),
        {**CHART, "title": "T" * 51, "chart": PIE},
        {**CHART, "chart": PIE | {"segments": [{"label": "a", "value": 0}]}},
    ],
    ids=lambda block: block["type"],
)
def test_each_invalid_block_is_refused(block):
    assert problems([block])


def choice(value="a", **more):
    return {"text": plain("A"), "value": value} | more


def choices(count):
    return [choice(str(number)) for number in range(count)]


@each_row(
    "element",
    [
        {"type": "radio_buttons"},
        {"type": "radio_buttons", "options": []},
        {"type": "radio_buttons", "options": choices(11)},
        {"type": "radio_buttons", "options": [choice(), choice()]},
        {"type": "radio_buttons", "options": [choice(description="A")]},
        {"type": "checkboxes", "options": []},
        {"type": "checkboxes", "options": choices(11)},
        {"type": "checkboxes", "options": [choice("x" * 151)]},
        {"type": "datepicker", "initial_date": "3 June"},
    ],
)
def test_each_invalid_element_is_refused(element):
    assert problems([actions(element)], "modal")
    assert problems([{"type": "input", "label": plain("Which?"), "element": element}], "modal")


@each_row(
    "element",
    [
        {"type": "radio_buttons", "options": [choice(description=plain("which one")), choice("b")]},
        {"type": "radio_buttons", "options": choices(10)},
        {"type": "checkboxes", "options": choices(1)},
        {"type": "checkboxes", "options": choices(10)},
        {"type": "datepicker", "initial_date": "2026-06-03"},
        {"type": "datepicker"},
    ],
)
def test_each_valid_element_is_accepted(element):
    assert not problems([actions(element)], "modal")
    assert not problems([{"type": "input", "label": plain("Which?"), "element": element}], "modal")


def test_each_limit_of_a_whole_message_or_view_is_enforced():
    assert problems([{"type": "divider"}] * 51)
    assert not problems([{"type": "divider"}] * 51, "modal")
    assert problems([chart()] * 3)
    assert problems([chart()], "home")
    assert problems([{"type": "divider", "block_id": "b"}] * 2)
    assert problems("no list")


@each_row("block", GOOD, ids=lambda block: block["type"])
def test_a_workspace_that_does_not_have_a_block_yet_refuses_it(block):
    assert problems([block], unknown=frozenset({block["type"]}))
    assert problems([block], unknown=frozenset({"other"})) == []
