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
    return {"type": "data_visualization", "title": "T", "chart": own}


PIE = {"type": "pie", "segments": [{"label": "a", "value": 1}]}
CONFIRM = {name: plain("x") for name in ("title", "text", "confirm", "deny")}
GOOD = [
    {"type": "section", "text": plain("x", "mrkdwn"), "accessory": button()},
    {"type": "section", "fields": [plain("x")] * 10},
    {"type": "header", "text": plain("x" * 150), "level": 2},
    {"type": "divider"},
    {"type": "context", "elements": [plain("x", "mrkdwn")]},
    {"type": "actions", "elements": [button(), button(action_id="other", style="danger")]},
    {"type": "actions", "elements": [button(confirm=CONFIRM)]},
    {"type": "rich_text", "elements": []},
    {"type": "markdown", "text": "x"},
    {"type": "table", "rows": [[cell()]], "column_settings": [{"align": "right"}, None]},
    {"type": "data_table", "caption": "C", "rows": [[cell()], [rich("x")]]},
    chart(),
    {"type": "data_visualization", "title": "T", "chart": PIE},
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
        {"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]},
        {"type": "actions", "elements": [button(), button()]},
        {"type": "actions", "elements": [button(text=plain("x" * 76))]},
        {"type": "actions", "elements": [button(value="x" * 2001)]},
        {"type": "actions", "elements": [button(confirm={**CONFIRM, "deny": None})]},
        {"type": "actions", "elements": [button(confirm={**CONFIRM, "text": plain("x" * 301)})]},
        {"type": "actions", "elements": [{"type": "static_select", "options": []}]},
        {
            "type": "actions",
            "elements": [{"type": "static_select", "placeholder": plain("x" * 151)}],
        },
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
        {"type": "data_table", "caption": "C", "rows": [[cell()], [cell(), cell()]]},
        {"type": "data_table", "caption": "C", "rows": [[cell()]] * 202},
        {"type": "data_table", "caption": "C", "rows": [[cell()]] * 2, "page_size": 101},
        chart(axis_config={"categories": ["a", "b", "c"]}),
        {
            "type": "data_table",
            "caption": "C",
            "rows": [[cell()]] * 2,
            "row_header_column_index": 1,
        },
        {"type": "data_table", "caption": "C", "rows": [[cell()], [cell("x" * 20_000)]]},
        {"type": "data_table", "caption": "C", "rows": [[cell()], [{"type": "rich_text"}]]},
        {"type": "table", "rows": [[{"type": "raw_number", "value": True, "text": "1"}]]},
        {"type": "table", "rows": [[rich("x" * 5001)]] * 2},
        chart(axis_config={"categories": ["a", "a"]}, series=[series("a", "a")]),
        chart(series=[series("a", "b", value="1")]),
        chart(series=[series("a", "b")] * 2),
        chart(series=[]),
        chart(type="radar"),
        {"type": "data_visualization", "title": "T" * 51, "chart": PIE},
        {
            "type": "data_visualization",
            "title": "T",
            "chart": PIE | {"segments": [{"label": "a", "value": 0}]},
        },
    ],
    ids=lambda block: block["type"],
)
def test_each_invalid_block_is_refused(block):
    assert problems([block])


def choice(value="a", **more):
    return {"text": {"type": "plain_text", "text": "A"}, "value": value} | more


@each_row(
    "element",
    [
        {"type": "radio_buttons"},
        {"type": "radio_buttons", "options": [choice(str(number)) for number in range(11)]},
        {"type": "radio_buttons", "options": [choice(), choice()]},
        {"type": "radio_buttons", "options": [choice(description="A")]},
        {"type": "checkboxes", "options": [choice("x" * 151)]},
        {"type": "datepicker", "initial_date": "3 June"},
    ],
)
def test_each_invalid_element_is_refused(element):
    assert problems([{"type": "actions", "elements": [element]}], "modal")


def test_valid_elements_are_accepted():
    told = {"type": "plain_text", "text": "which one"}
    elements = [
        {"type": "radio_buttons", "options": [choice(description=told), choice("b")]},
        {"type": "checkboxes", "options": [choice()]},
        {"type": "datepicker", "initial_date": "2026-06-03"},
        {"type": "datepicker"},
    ]
    assert not problems([{"type": "actions", "elements": elements}], "modal")


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


@each_row("kind", ["radio_buttons", "checkboxes"])
@each_row(("count", "is_fine"), [(0, False), (1, True), (10, True), (11, False)])
def test_a_list_to_choose_from_has_one_to_ten_entries(kind, count, is_fine):
    text = {"type": "plain_text", "text": "a"}
    entries = [{"text": text, "value": str(number)} for number in range(count)]
    element = {"type": kind, "action_id": "which", "options": entries}
    label = {"type": "plain_text", "text": "Which?"}
    found = problems([{"type": "input", "label": label, "element": element}], "modal")
    assert (found == []) == is_fine
