import asyncio

import httpx
import pytest

from bot.sandbox.faults import Fault
from tests.polling import DEADLINE_SECONDS
from tests.sandbox.conftest import PUBLIC


def texts(workspace):
    return [message.text for message in workspace.messages(PUBLIC)]


@pytest.mark.parametrize(("when", "posted"), [("before", []), ("after", ["x"])])
@pytest.mark.parametrize(
    "how", [{"drop_connection": True}, {"status": 503}, {"error": "fatal_error"}]
)
async def test_a_fault_before_a_request_prevents_its_effect_and_a_fault_after_does_not(
    api, slack, when, posted, how
):
    slack.faults.add(Fault("chat.postMessage", when=when, **how))
    try:
        answer = await api("chat.postMessage", channel=PUBLIC, text="x")
        assert answer == {"ok": False, "error": "fatal_error"}
    except (httpx.TransportError, ValueError):
        assert "error" not in how
    assert texts(api.workspace) == posted
    assert [call.status for call in api.workspace.calls] == ["ok" if posted else "fault"]
    assert (await api("chat.postMessage", channel=PUBLIC, text="y"))["ok"]


@pytest.mark.parametrize(("when", "posted"), [("before", []), ("after", ["x"])])
async def test_a_request_can_be_held(api, slack, workspace, when, posted):
    slack.faults.add(Fault("chat.postMessage", when=when, hang=True))
    asking = asyncio.create_task(api("chat.postMessage", channel=PUBLIC, text="x"))
    await slack.faults.reached("chat.postMessage")
    assert texts(workspace) == posted
    assert not asking.done()
    slack.faults.release("chat.postMessage")
    if when == "after":
        assert (await asking)["ok"]
    else:
        with pytest.raises(httpx.TransportError):
            await asking
    assert texts(workspace) == posted


async def test_a_held_request_does_not_block_the_server(api, slack):
    slack.faults.add(Fault("auth.test", hang=True))
    asking = asyncio.create_task(api("auth.test"))
    await slack.faults.reached("auth.test")
    await asyncio.wait_for(slack.stop(), DEADLINE_SECONDS)
    with pytest.raises(httpx.TransportError):
        await asking


async def test_a_fault_applies_to_its_number_of_requests(http, slack, workspace):
    slack.faults.add(Fault("auth.test", status=429, headers={"Retry-After": "7"}, times=2))
    slack.faults.add(Fault("auth.test", delay_seconds=0.1))
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    answers = [await http.post(f"{slack.url}auth.test", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[2].elapsed.total_seconds() >= 0.1
    await slack.faults.reached("auth.test", times=3)
    with pytest.raises(TimeoutError):
        await slack.faults.reached("auth.test", times=4, timeout_seconds=0.01)


async def test_uploads_can_fail_on_either_side(api, http, slack, workspace):
    slack.faults.add(Fault("upload", status=504))
    slack.faults.add(Fault("upload", when="after", body=b"OK - 2", status=200))
    for expected in ((504, False), (200, True)):
        begun = await api("files.getUploadURLExternal", filename="a.wav", length=3)
        answer = await http.post(begun["upload_url"], content=b"abc")
        assert (answer.status_code, workspace.files[-1].uploaded) == expected
    assert answer.text == "OK - 2"
