"""Messages and views are checked by the same rules in every method of the stand-in."""

from aiohttp import web

from bot.sandbox.content import Breach, check_message, check_view
from tests.sandbox.conftest import MODAL, PUBLIC, open_modal
from tests.tables import each_row

TEXT = {"type": "plain_text", "text": "T"}
INPUT = {"type": "input", "label": TEXT, "element": {"type": "plain_text_input"}}
VIEW = {"type": "modal", "title": TEXT, "blocks": [{"type": "divider"}]}
LONG_TITLE = {"type": "plain_text", "text": "T" * 25}
BAD_MESSAGES = {
    "nonsense": ({"text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
    "too many blocks": ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
    "too long": ({"text": "x" * 40_001}, "msg_too_long"),
}
BAD_VIEWS = {
    "no view": (None, "invalid_arguments"),
    "a home": ({**VIEW, "type": "home"}, "invalid_arguments"),
    "no title": ({**VIEW, "title": None}, "invalid_arguments"),
    "a title too long": ({**VIEW, "title": LONG_TITLE}, "invalid_arguments"),
    "a title in mrkdwn": ({**VIEW, "title": {**TEXT, "type": "mrkdwn"}}, "invalid_arguments"),
    "a title that is a word": ({**VIEW, "title": "T"}, "invalid_arguments"),
    "a submit too long": ({**VIEW, "submit": LONG_TITLE}, "invalid_arguments"),
    "a close too long": ({**VIEW, "close": LONG_TITLE}, "invalid_arguments"),
    "an input without submit": ({**VIEW, "blocks": [INPUT]}, "invalid_arguments"),
    "too much metadata": ({**VIEW, "private_metadata": "x" * 3001}, "invalid_arguments"),
    "a callback too long": ({**VIEW, "callback_id": "x" * 256}, "invalid_arguments"),
    "nonsense": ({**VIEW, "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
    "no blocks": ({**VIEW, "blocks": None}, "invalid_blocks"),
    "too many blocks": ({**VIEW, "blocks": [{"type": "divider"}] * 101}, "invalid_blocks"),
    "too much of all": ({**VIEW, "notes": "x" * 250_000}, "view_too_large"),
}


def judged(view, unknown=()) -> Breach | None:
    return check_view(
        view, "modal", is_picture=lambda file_id: file_id == "F0THERE", unknown=unknown
    )


@each_row(("body", "error"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_each_message_that_slack_would_refuse_is_refused(body, error):
    breach = check_message(body)
    assert (breach.error, breach.is_fault) == (error, True)


def test_a_message_has_text_or_blocks_and_an_update_less_text():
    assert check_message({"text": "x"}) is None
    assert check_message({"blocks": [{"type": "divider"}]}) is None
    assert check_message({}).error == "no_text"
    assert check_message({"text": "x" * 4001}, longest=4000).error == "msg_too_long"


@each_row(("view", "error"), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_each_view_that_slack_would_refuse_is_refused(view, error):
    breach = judged(view)
    assert (breach.error, breach.is_fault) == (error, True)


def test_each_view_that_slack_accepts_is_accepted():
    assert judged(VIEW) is None
    assert judged({**VIEW, "blocks": [INPUT], "submit": TEXT, "close": TEXT}) is None


def test_content_that_depends_on_the_workspace_is_refused_without_a_violation():
    picture = {"type": "image", "slack_file": {"id": "F0GONE"}, "alt_text": "x"}
    there = {**picture, "slack_file": {"id": "F0THERE"}}
    assert judged({**VIEW, "blocks": [there]}) is None
    gone = judged({**VIEW, "blocks": [picture]})
    assert (gone.error, gone.is_fault) == ("invalid_blocks", False)
    new = judged(VIEW, unknown=["divider"])
    assert (new.error, new.is_fault) == ("invalid_blocks", False)


async def test_every_method_that_posts_checks_its_content(people, app, api, http, workspace):
    body, error = BAD_MESSAGES["nonsense"]
    answer = await api("chat.postMessage", channel=PUBLIC, **body)
    assert answer["error"] == error
    url = workspace.issue_response_url("U0ALICE", PUBLIC)
    refused = await http.post(url, json=body)
    assert (refused.status_code, refused.text) == (400, error)
    app.answer = lambda: web.json_response(body)
    await people.command("U0ALICE", PUBLIC, "CA1")
    assert workspace.ephemerals == []
    assert workspace.messages(PUBLIC) == []
    ways = [violation.split(", ")[0] for violation in workspace.violations]
    assert ways == [f"{way}: {error}" for way in ("chat.postMessage", "response_url", "ack")]


async def test_every_method_that_shows_a_modal_checks_its_content(people, app, api, workspace):
    view_id = (await open_modal(api, workspace))["view"]["id"]
    view, error = BAD_VIEWS["no title"]
    trigger = workspace.issue_trigger("U0ALICE")
    assert (await api("views.open", trigger_id=trigger, view=view))["error"] == error
    assert (await api("views.update", view_id=view_id, view=view))["error"] == error
    for each in (view, None):
        app.answer = lambda each=each: web.json_response(
            {"response_action": "update", "view": each}
        )
        await people.view_submission("U0ALICE", view_id, {})
    assert workspace.views[view_id].body == MODAL
    ways = [violation.split(", ")[0] for violation in workspace.violations]
    assert ways == [
        f"{way}: {error}"
        for way in ("views.open", "views.update", "view_submission", "view_submission")
    ]
