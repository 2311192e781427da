import asyncio
import json
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.person import SlackSocketSide
from tests.sandbox.conftest import MODAL, PUBLIC, open_modal


async def test_a_command_is_signed_and_its_ack_shown(people, app, workspace):
    ack = await people.command("U0ALICE", PUBLIC, "CA1")
    headers, body = app.got[0]
    assert SignatureVerifier(workspace.signing_secret).is_valid_request(body, headers)
    assert not SignatureVerifier("another").is_valid_request(body, headers)
    form = {name: value[0] for name, value in parse_qs(body).items()}
    assert (form["command"], form["text"], form["user_id"]) == ("/callaudio", "CA1", "U0ALICE")
    assert not {"thread_ts", "ts"} & set(form)
    assert (ack.status, ack.text, ack.arrived) == (200, "on it", True)
    (shown,) = workspace.ephemerals
    assert (shown.user, shown.text, shown.via) == ("U0ALICE", "on it", "ack")


async def test_a_response_url_takes_five_messages(people, app, http, workspace):
    app.answer = web.Response
    await people.command("U0ALICE", PUBLIC, "CA1")
    url = parse_qs(app.got[0][1])["response_url"][0]
    assert (await http.post(url, data={"text": "x"})).status_code == 400
    bodies = [{"text": str(n)} for n in range(4)] + [{"text": "all", "response_type": "in_channel"}]
    for body in bodies:
        assert (await http.post(url, json=body)).text == "ok"
    over = await http.post(url, json={"text": "more"})
    assert (over.status_code, over.text) == (404, "used_url")
    assert [shown.text for shown in workspace.ephemerals] == ["0", "1", "2", "3"]
    assert [message.text for message in workspace.messages(PUBLIC)] == ["all"]
    assert (await http.post(url[:-4] + "0000", json={"text": "x"})).status_code == 404


async def test_a_failed_or_public_ack_is_recorded(people, app, workspace):
    app.answer = lambda: web.Response(status=500, text="broken")
    assert not (await people.command("U0ALICE", PUBLIC, "CA1")).arrived
    assert workspace.ephemerals == []
    app.answer = lambda: web.json_response({"response_type": "in_channel", "text": "all"})
    await people.command("U0ALICE", PUBLIC, "CA1")
    assert [message.text for message in workspace.messages(PUBLIC)] == ["all"]


async def test_interactions_carry_what_slack_sends(people, app, api, workspace):
    parent = workspace.say(PUBLIC, "U0BOB", "here it was")
    reply = workspace.say(PUBLIC, "U0BOB", "in a thread", thread_ts=parent.ts)
    await people.message_shortcut("U0ALICE", PUBLIC, reply.ts, "get_call_audio")
    await people.global_shortcut("U0ALICE", "find_call_audio")
    await people.block_action("U0ALICE", PUBLIC, "1.0", "send_raw", "v")
    opened = await open_modal(api, workspace)
    await people.view_submission("U0ALICE", opened["view"]["id"], {"b": {"a": {"value": "x"}}})
    shortcut, everywhere, action, submission = app.payloads
    assert shortcut["message"]["thread_ts"] == parent.ts
    assert everywhere["type"] == "shortcut"
    assert not {"channel", "response_url"} & set(everywhere)
    assert action["container"]["is_ephemeral"]
    assert "message" not in action
    assert action["actions"][0]["value"] == "v"
    assert submission["view"]["state"]["values"] == {"b": {"a": {"value": "x"}}}
    with pytest.raises(ValueError, match="no such message"):
        await people.message_shortcut("U0ALICE", PUBLIC, "1.0")
    await people.home_opened("U0ALICE")
    assert json.loads(app.got[-1][1])["event"]["type"] == "app_home_opened"


async def test_a_command_and_a_press_arrive_over_a_socket(slack, api, workspace, http):
    async def app(url, *, acking):
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            async for message in socket:
                envelope = json.loads(message.data)
                if envelope["type"] == "disconnect":
                    return
                got.append(envelope)
                if acking.is_set():
                    payload = {"text": "on it"}
                    await socket.send_json(
                        {"envelope_id": envelope["envelope_id"], "payload": payload}
                    )

    got = []
    acking = asyncio.Event()
    acking.set()
    opened = await api("apps.connections.open", token=workspace.app_token)
    running = asyncio.create_task(app(opened["url"], acking=acking))
    await slack.socket_mode.connected()
    ack = await SlackSocketSide(slack).command("U0ALICE", PUBLIC, "CA1")
    assert (ack.text, workspace.ephemerals[0].text) == ("on it", "on it")
    assert got[0]["type"] == "slash_commands"
    assert got[0]["accepts_response_payload"]
    acking.clear()
    assert await slack.socket_mode.send("events_api", {}, timeout_seconds=0.05) is None
    acking.set()
    again = await slack.socket_mode.redeliver(slack.socket_mode.envelope_ids[-1])
    assert again is not None
    assert got[-1]["retry_attempt"] == 1
    assert (await http.get(opened["url"].replace("ws", "http", 1))).status_code == 403
    await slack.socket_mode.disconnect()
    await running


async def test_slacks_own_client_connects_and_reconnects_to_the_socket(slack, workspace):
    async def ack(client, request):
        answer = SocketModeResponse(envelope_id=request.envelope_id, payload={"text": "on it"})
        await client.send_socket_mode_response(answer)

    web_client = AsyncWebClient(base_url=slack.url)
    client = SocketModeClient(app_token=workspace.app_token, web_client=web_client)
    client.socket_mode_request_listeners.append(ack)
    await client.connect()
    try:
        assert (await SlackSocketSide(slack).command("U0ALICE", PUBLIC, "CA1")).text == "on it"
        await slack.socket_mode.disconnect()
        await slack.socket_mode.connected(timeout_seconds=5)
        assert (await SlackSocketSide(slack).home_opened("U0ALICE")).arrived
    finally:
        await client.close()
    assert len(workspace.called("apps.connections.open")) == 2


async def test_buttons_in_views_and_on_messages_can_be_pressed(people, api, app, workspace):
    workspace.add_user("U0EXTERN", team_id="T0ELSEWHERE", is_stranger=True)
    await people.block_action("U0EXTERN", PUBLIC, "1.0", "a", ephemeral=False)
    opened = await open_modal(api, workspace)
    view_id = opened["view"]["id"]
    await people.block_action("U0ALICE", None, "", "a", view_id=view_id)
    on_message, in_view = app.payloads
    assert on_message["user"]["team_id"] == "T0ELSEWHERE"
    assert on_message["message"]["ts"] == "1.0"
    assert in_view["container"] == {"type": "view", "view_id": view_id}
    assert "channel" not in in_view
    assert in_view["view"]["private_metadata"] == "ids"
    pushed = {"trigger_id": in_view["trigger_id"], "view": MODAL}
    assert (await api("views.push", **pushed))["view"]["id"] != view_id
    assert (await api("views.push", **pushed))["error"] == "exchanged_trigger_id"
    elsewhere = {"trigger_id": workspace.issue_trigger("U0ALICE"), "view": MODAL}
    assert (await api("views.push", **elsewhere))["error"] == "invalid_arguments"


async def test_a_choice_in_a_modal_is_sent_at_once_with_all_input(people, api, app, workspace):
    opened = await open_modal(api, workspace)
    values = {"which": {"which": {"selected_option": {"value": "1"}}}}
    action = {"type": "radio_buttons", "action_id": "which", "selected_option": {"value": "1"}}
    await people.choose("U0ALICE", opened["view"]["id"], action, values)
    (sent,) = app.payloads
    assert sent["view"]["state"]["values"] == values
    assert sent["actions"][0]["block_id"] == "which"


async def test_a_modal_without_a_button_cannot_be_sent(people, api, workspace):
    view = {key: value for key, value in MODAL.items() if key != "submit"}
    trigger = workspace.issue_trigger("U0ALICE")
    opened = await api("views.open", trigger_id=trigger, view=view)
    with pytest.raises(ValueError, match="no button"):
        await people.view_submission("U0ALICE", opened["view"]["id"], {})


async def answer_with(people, app, view_id, body):
    app.answer = lambda: web.json_response(body)
    await people.view_submission("U0ALICE", view_id, {})


async def test_the_answer_to_a_submission_changes_the_modal_as_slack_would(
    people, api, app, workspace
):
    opened = await open_modal(api, workspace)
    view_id = opened["view"]["id"]
    await answer_with(people, app, view_id, {"response_action": "errors", "errors": {"no": "x"}})
    assert workspace.violations == ["view_submission: an error for no input"]
    view = {**MODAL, "blocks": [{"type": "section"}]}
    await answer_with(people, app, view_id, {"response_action": "update", "view": view})
    (broken,) = workspace.violations[1:]
    assert broken.startswith("view_submission: invalid_blocks")
    assert workspace.views[view_id].body == MODAL
    view = {**MODAL, "a": 1}
    await answer_with(people, app, view_id, {"response_action": "update", "view": view})
    assert workspace.views[view_id].body["a"] == 1
