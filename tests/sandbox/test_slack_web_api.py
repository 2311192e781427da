import base64

import pytest

from bot.sandbox.passes import Passes
from tests.sandbox.conftest import ARCHIVED, FOREIGN, MODAL, PRIVATE, PUBLIC
from tests.tables import each_row

DM_OF_ALICE = "D0ALICE00"
POST = {"channel": PUBLIC, "text": "x"}


async def test_a_token_is_accepted_only_in_the_header(api, http, slack, workspace):
    url = f"{slack.url}auth.test"
    bearer = {"Authorization": f"Bearer {workspace.bot_token}"}
    assert (await http.post(url)).json()["error"] == "not_authed"
    assert (await api("auth.test", token="xoxb-wrong"))["error"] == "invalid_auth"
    in_query = await http.post(url, params={"token": workspace.bot_token}, headers=bearer)
    assert in_query.json()["error"] == "invalid_arguments"
    assert workspace.violations
    assert (await api("apps.connections.open"))["error"] == "not_allowed_token_type"
    assert (await api("no.such"))["error"] == "unknown_method"
    answer = await http.post(url, headers=bearer)
    assert answer.json()["user_id"] == workspace.bot_user_id
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
    assert "token" not in str(workspace.calls[-1].arguments)


async def test_a_missing_scope_is_named(api, workspace):
    assert (await api("conversations.history", channel=PUBLIC))["error"] == "missing_scope"
    workspace.scopes.discard("chat:write")
    answer = await api("chat.postMessage", channel=PUBLIC, text="hi")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "chat:write" not in answer["provided"].split(",")
    workspace.scopes.discard("groups:read")
    workspace.change_channel(PRIVATE, bot_is_member=True)
    assert (await api("conversations.info", channel=PRIVATE))["needed"] == "groups:read"


@each_row(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"text": "x"}, "missing_argument"),
        ("chat.postMessage", {"channel": PUBLIC}, "no_text"),
        ("chat.postMessage", POST | {"text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": PRIVATE, "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": FOREIGN, "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": ARCHIVED, "text": "x"}, "is_archived"),
        ("chat.postMessage", POST | {"thread_ts": "1.0"}, "thread_not_found"),
        ("chat.postMessage", POST | {"blocks": [{"type": "video"}]}, "invalid_blocks"),
        ("chat.postMessage", POST | {"blocks": "{"}, "invalid_blocks_format"),
        ("chat.postMessage", POST | {"metadata": {"a": 1}}, "invalid_metadata_format"),
        ("chat.postEphemeral", POST | {"channel": FOREIGN, "user": "U0ALICE"}, "channel_not_found"),
        (
            "chat.postEphemeral",
            POST | {"channel": PUBLIC, "user": "U0GUEST"},
            "user_not_in_channel",
        ),
        ("chat.update", {"channel": PUBLIC, "ts": "1.0", "text": "x"}, "message_not_found"),
        ("chat.getPermalink", {"channel": PUBLIC, "message_ts": "1.0"}, "message_not_found"),
        ("conversations.info", {"channel": PRIVATE}, "channel_not_found"),
        ("conversations.members", {"channel": PUBLIC, "limit": 1000}, "invalid_limit"),
        ("conversations.members", {"channel": PUBLIC, "cursor": "???"}, "invalid_cursor"),
        ("conversations.join", {"channel": PRIVATE}, "method_not_supported_for_channel_type"),
        ("conversations.join", {"channel": ARCHIVED}, "is_archived"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
        ("conversations.open", {"users": "U0ROBOT"}, "cannot_dm_bot"),
        ("conversations.open", {"users": "U0GONE"}, "user_disabled"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
    ],
)
async def test_each_invalid_call_is_refused(api, method, arguments, error):
    answer = await api(method, **arguments)
    assert (answer["ok"], answer["error"]) == (False, error)
    assert api.workspace.calls[-1].status == error


async def test_read_only_channels_take_no_posts(api, workspace):
    workspace.change_channel(PUBLIC, is_read_only=True)
    answer = await api("chat.postMessage", channel=PUBLIC, text="x")
    assert answer["error"] == "restricted_action_read_only_channel"


async def test_threads_have_one_parent(api, workspace):
    metadata = {"event_type": "delivery", "event_payload": {"id": "1"}}
    parent = await api("chat.postMessage", channel=PUBLIC, text="p", metadata=metadata)
    reply = await api("chat.postMessage", channel=PUBLIC, text="r", thread_ts=parent["ts"])
    below = await api("chat.postMessage", channel=PUBLIC, text="r", thread_ts=reply["ts"])
    assert below["error"] == "cannot_reply_to_message"
    workspace.scopes.add("channels:history")
    shown = await api("conversations.history", channel=PUBLIC, include_all_metadata=True)
    assert [message["metadata"] for message in shown["messages"]] == [metadata]
    plain = await api("conversations.history", channel=PUBLIC, oldest=parent["ts"], inclusive=True)
    assert "metadata" not in plain["messages"][0]
    assert (await api("conversations.history", channel=PUBLIC, oldest=parent["ts"]))[
        "messages"
    ] == []
    replies = await api("conversations.replies", channel=PUBLIC, ts=parent["ts"])
    assert [m["text"] for m in replies["messages"]] == ["p", "r"]
    assert {m["thread_ts"] for m in replies["messages"]} == {parent["ts"]}
    link = await api("chat.getPermalink", channel=PUBLIC, message_ts=reply["ts"])
    assert f"thread_ts={parent['ts']}" in link["permalink"]


async def test_only_the_apps_own_messages_can_be_changed(api, workspace):
    theirs = workspace.say(PUBLIC, "U0ALICE", "mine")
    for method, error in (("update", "cant_update_message"), ("delete", "cant_delete_message")):
        answer = await api(f"chat.{method}", channel=PUBLIC, ts=theirs.ts, text="x")
        assert answer["error"] == error
    own = await api("chat.postMessage", channel=PUBLIC, text="1")
    assert (await api("chat.update", channel=PUBLIC, ts=own["ts"], text="2"))["text"] == "2"
    long = await api("chat.update", channel=PUBLIC, ts=own["ts"], text="x" * 4001)
    assert long["error"] == "msg_too_long"
    assert [m.text for m in workspace.messages(PUBLIC)] == ["mine", "2"]
    assert (await api("chat.delete", channel=PUBLIC, ts=own["ts"]))["ok"]
    assert (await api("chat.delete", channel=PUBLIC, ts=own["ts"]))["error"] == "message_not_found"


async def test_members_are_returned_in_pages(api, workspace):
    people = [f"U0P{n:04d}" for n in range(250)]
    workspace.change_channel(PUBLIC, members=tuple(people))
    seen, cursor = [], ""
    while True:
        page = await api("conversations.members", channel=PUBLIC, cursor=cursor)
        seen += page["members"]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert seen == [*people, workspace.bot_user_id]
    of_another = base64.b64encode(f"next:{FOREIGN}:100".encode()).decode()
    refused = await api("conversations.members", channel=PUBLIC, cursor=of_another)
    assert refused["error"] == "invalid_cursor"


async def test_direct_messages_are_opened_once_and_have_no_channel_flags(api):
    first, again = [await api("conversations.open", users="U0ALICE") for _ in range(2)]
    assert first["channel"]["id"] == again["channel"]["id"] == DM_OF_ALICE
    assert again["already_open"]
    info = (await api("conversations.info", channel=DM_OF_ALICE))["channel"]
    assert (info["is_im"], info["user"]) == (True, "U0ALICE")
    assert not {"is_ext_shared", "is_member", "is_private"} & set(info)
    members = await api("conversations.members", channel=DM_OF_ALICE)
    assert members["members"] == ["U0ALICE", api.workspace.bot_user_id]


async def test_flags_can_be_missing(api, workspace):
    workspace.add_user("U0VAGUE", omit={"is_restricted"})
    assert "is_restricted" not in (await api("users.info", user="U0VAGUE"))["user"]
    assert "is_restricted" not in (await api("users.info", user="U0GONE"))["user"]
    workspace.change_channel(PUBLIC, omit=frozenset({"is_ext_shared", "num_members"}))
    info = await api("conversations.info", channel=PUBLIC, include_num_members=True)
    assert not {"is_ext_shared", "num_members"} & set(info["channel"])
    assert (await api("users.info", user="U0GUEST"))["user"]["is_restricted"] is True


async def test_public_channels_can_be_joined(api):
    assert (await api("conversations.join", channel=FOREIGN))["channel"]["is_member"]
    assert (await api("conversations.join", channel=FOREIGN))["warning"] == "already_in_channel"


async def test_forms_and_json_are_read_in_the_same_way(http, slack, workspace):
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    form = {"channel": PUBLIC, "text": "x", "blocks": '[{"type":"divider"}]'}
    answer = await http.post(f"{slack.url}chat.postMessage", data=form, headers=headers)
    assert answer.json()["message"]["blocks"] == [{"type": "divider"}]


async def test_rate_limits_answer_429(http, slack, workspace):
    workspace.rate_limits["auth.test"] = 1
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    first, second = [await http.post(f"{slack.url}auth.test", headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["Retry-After"]) >= 1


async def test_a_view_needs_an_unused_recent_trigger(api, workspace):
    now = [1000.0]
    workspace.passes = Passes(lambda: now[0])
    trigger = workspace.issue_trigger("U0ALICE")
    opened = await api("views.open", trigger_id=trigger, view=MODAL)
    assert opened["ok"]
    for trigger_id, error in ((trigger, "exchanged_trigger_id"), ("x", "invalid_trigger_id")):
        assert (await api("views.open", trigger_id=trigger_id, view=MODAL))["error"] == error
    late = workspace.issue_trigger("U0ALICE")
    now[0] += 4
    assert (await api("views.open", trigger_id=late, view=MODAL))["error"] == "expired_trigger_id"
    long = {**MODAL, "title": {"type": "plain_text", "text": "T" * 25}}
    view_id, old = opened["view"]["id"], opened["view"]["hash"]
    assert (await api("views.update", view_id=view_id, view=long))["error"] == "invalid_arguments"
    assert (await api("views.update", view_id="V0", view=MODAL))["error"] == "not_found"
    assert (await api("views.update", view_id=view_id, view=MODAL, hash=old))["ok"]
    stale = await api("views.update", view_id=view_id, view=MODAL, hash=old)
    assert stale["error"] == "hash_conflict"
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    assert (await api("views.publish", user_id="U0ALICE", view=home))["ok"]
    assert workspace.homes["U0ALICE"].body == home


async def test_group_conversations_and_user_groups_are_returned(api, workspace):
    opened = await api("conversations.open", users="U0ALICE,U0BOB", return_im=True)
    assert opened["channel"]["is_mpim"]
    members = await api("conversations.members", channel=opened["channel"]["id"])
    assert set(members["members"]) == {"U0ALICE", "U0BOB", workspace.bot_user_id}
    assert (await api("conversations.open"))["error"] == "users_list_not_supplied"
    workspace.usergroups["S0CLEARED"] = ("U0ALICE",)
    group = await api("usergroups.users.list", usergroup="S0CLEARED")
    assert group["users"] == ["U0ALICE"]


async def test_external_people_have_their_flags(api, workspace):
    workspace.add_user("U0EXTERN", team_id="T0ELSEWHERE", is_stranger=True)
    user = (await api("users.info", user="U0EXTERN"))["user"]
    assert (user["team_id"], user["is_stranger"]) == ("T0ELSEWHERE", True)
    assert "is_stranger" not in (await api("users.info", user="U0ALICE"))["user"]
    workspace.leave(PUBLIC, "U0BOB")
    workspace.join(PUBLIC, "U0EXTERN")
    members = (await api("conversations.members", channel=PUBLIC))["members"]
    assert members == ["U0ALICE", "U0EXTERN", workspace.bot_user_id]


@pytest.mark.parametrize("wrong", ["general", "C1", "c0public01"])
def test_ids_follow_slacks_grammar(workspace, wrong):
    with pytest.raises(ValueError, match="no Slack"):
        workspace.add_channel(wrong)
    with pytest.raises(ValueError, match="no Slack"):
        workspace.add_user(wrong)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param({"blocks": [{"type": "divider"}]}, None, id="valid blocks"),
        pytest.param({"message": {"blocks": [{"type": "divider"}]}}, None, id="a valid message"),
        pytest.param({"blocks": [{"type": "unheard_of"}]}, "invalid_blocks", id="no such block"),
        pytest.param({"message": {"text": ""}}, "invalid_message", id="an empty message"),
        pytest.param({"view": {"type": "modal"}}, "invalid_view", id="a modal without a title"),
        pytest.param({}, "invalid_arguments", id="nothing"),
        pytest.param(
            {"blocks": [{"type": "divider"}], "message": {"text": "a"}},
            "invalid_arguments",
            id="two at once",
        ),
    ],
)
async def test_blocks_are_validated_and_nothing_is_posted(api, workspace, arguments, error):
    answer = await api("blocks.validate", **arguments)
    assert answer.get("error") == error
    assert [m for channel in workspace.channels for m in workspace.messages(channel)] == []
    assert workspace.violations == []
