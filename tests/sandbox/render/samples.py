"""Blocks of every kind that is drawn, filled in as an app would."""


def plain(text):
    return {"type": "plain_text", "text": text}


def marked(text):
    return {"type": "mrkdwn", "text": text}


def option(text, **more):
    return {"text": plain(text), "value": text, **more}


def button(text, **more):
    return {"type": "button", "action_id": text, "text": plain(text), **more}


def words(text):
    return {"type": "raw_text", "text": text}


def number(value):
    return {"type": "raw_number", "value": value, "text": str(value)}


def chart(kind="bar", values=((3, 7, 5, 9), (1, 2, 0, 3)), title="Calls a day"):
    days = ["Mon", "Tue", "Wed", "Thu"]
    series = [
        {"name": name, "data": [{"label": d, "value": v} for d, v in zip(days, row, strict=True)]}
        for name, row in zip(["answered", "handed over"], values, strict=False)
    ]
    axis = {"categories": days, "x_label": "day", "y_label": "calls"}
    about = {"type": kind, "series": series, "axis_config": axis}
    return {"type": "data_visualization", "title": title, "chart": about}


def pie(*values):
    segments = [{"label": f"part {at}", "value": value} for at, value in enumerate(values)]
    about = {"type": "pie", "segments": segments}
    return {"type": "data_visualization", "title": "How calls ended", "chart": about}


def field(element, **more):
    return {"type": "input", "label": plain(f"A {element['type']}"), "element": element, **more}


def rich(*spans, kind="rich_text_section"):
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(spans)}]}


CHOICES = [option("first", description=plain("the first of two")), option("second")]
TABLE = {
    "type": "table",
    "rows": [
        [words("Agent"), words("Calls")],
        [rich({"type": "text", "text": "sales", "style": {"bold": True}}), number(12)],
        [words("support"), number(7)],
    ],
    "column_settings": [None, {"align": "right"}],
}
DATA_TABLE = {
    "type": "data_table",
    "caption": "The longest calls",
    "page_size": 2,
    "rows": [
        [words("Conversation"), words("Seconds")],
        [words("CA1" + "0" * 31), number(600)],
        [words("CA2"), number(540)],
        [words("CA3"), number(480)],
    ],
}
MESSAGE = [
    {"type": "header", "text": plain("Calls of yesterday")},
    {
        "type": "section",
        "text": marked("*12 calls*, _two_ more than ~before~ `usual`"),
        "accessory": {"type": "overflow", "action_id": "o", "options": [option("Stop")]},
    },
    {"type": "section", "fields": [marked("*Answered*\n10"), marked("*Handed over*\n2")]},
    chart(),
    TABLE,
    DATA_TABLE,
    {"type": "divider"},
    {
        "type": "actions",
        "elements": [
            button("Listen", style="primary"),
            button("Delete", style="danger"),
            {"type": "static_select", "placeholder": plain("Which side?"), "options": CHOICES},
            {"type": "datepicker", "initial_date": "2026-06-03"},
        ],
    },
    {"type": "context", "elements": [marked("every day at 9:00"), plain("in UTC")]},
]
MODAL = {
    "type": "modal",
    "title": plain("Find a recording"),
    "submit": plain("Fetch"),
    "close": plain("Cancel"),
    "blocks": [
        field({"type": "plain_text_input", "placeholder": plain("CA…")}, hint=plain("or a link")),
        field({"type": "plain_text_input", "multiline": True, "initial_value": "because"}),
        field({"type": "conversations_select", "initial_conversation": "C0QUALITY0"}),
        field({"type": "multi_users_select", "initial_users": ["U0ANALYST0"]}, optional=True),
        field({"type": "datepicker", "placeholder": plain("Since when?")}),
        field({"type": "timepicker"}),
        field({"type": "checkboxes", "options": CHOICES, "initial_options": CHOICES[:1]}),
        field({"type": "radio_buttons", "options": CHOICES, "initial_option": CHOICES[1]}),
    ],
}
HOME = {
    "type": "home",
    "blocks": [
        {"type": "header", "text": plain("Your rights")},
        {"type": "section", "text": marked("<@U0ANALYST0> may hear unredacted recordings")},
        TABLE,
        rich(
            {"type": "text", "text": "See "},
            {"type": "link", "url": "https://example.com/", "text": "the rules"},
            {"type": "text", "text": " or ask "},
            {"type": "user", "user_id": "U0ANALYST0"},
        ),
    ],
}
