import re

import pytest

from bot.cli import stage as stages
from bot.cli.demo_script import (
    ADMIN,
    CALL,
    CLEARED,
    NOT_CLEARED,
    PARTNER,
    PARTNER_PERSON,
    QUALITY,
    SUPPORT,
)
from bot.sandbox import recordings
from tests.sandbox.page.conftest import pressed


def sent(page, name):
    """The last value of a hidden field."""
    return re.findall(rf'name="{name}" value="([\w.]+)"', page)[-1]


def audio_of(page):
    return re.findall(r'<audio[^>]* src="([^"]+)"', page)


async def ask(visitor, user_id, channel_id):
    await visitor.does("/say", user_id, channel_id, text=f"/callaudio {CALL}")
    return await visitor.waits_for("<audio", user_id, channel_id)


@pytest.mark.parametrize(
    ("user_id", "channel_id", "redacted", "word"),
    [(CLEARED, QUALITY, False, "Unredacted"), (NOT_CLEARED, SUPPORT, True, "Redacted")],
)
async def test_a_command_delivers_the_recording_that_the_rules_allow(
    visitor, user_id, channel_id, redacted, word
):
    await ask(visitor, user_id, channel_id)
    page = await visitor.waits_for(word, user_id, channel_id)
    (source,) = audio_of(page)
    played = await visitor.http.get(source)
    assert played.headers["content-type"] == "audio/wav"
    assert played.content == recordings.load("combined", redacted=redacted)


async def test_a_private_channel_is_hidden_from_others(visitor):
    page = await ask(visitor, CLEARED, QUALITY)
    (source,) = audio_of(page)
    assert (await visitor.http.get(source.replace(CLEARED, NOT_CLEARED))).status_code == 404
    outside = await visitor.sees(NOT_CLEARED, QUALITY)
    assert "You are not in this private channel" in outside
    assert "<audio" not in outside


async def test_a_private_note_is_seen_only_by_its_person(visitor):
    await ask(visitor, NOT_CLEARED, SUPPORT)
    note = "you are not cleared to hear unredacted recordings"
    await visitor.waits_for(note, NOT_CLEARED, SUPPORT)
    assert note not in await visitor.sees(CLEARED, SUPPORT)


async def test_after_an_approved_request_for_access_raw_is_delivered(visitor):
    await ask(visitor, NOT_CLEARED, SUPPORT)
    page = await visitor.waits_for(">Request access<", NOT_CLEARED, SUPPORT)
    ts, button = sent(page.split(">Request access<")[0], "ts"), pressed(page, "Request access")
    await visitor.does("/press", NOT_CLEARED, SUPPORT, ts=ts, private="1", pressed=button)
    page = await visitor.waits_for('role="dialog"', NOT_CLEARED, SUPPORT)
    view = sent(page, "view")
    form = {"state reason reason": "a complaint", "state hours hours": "1"}
    await visitor.does("/submit", NOT_CLEARED, SUPPORT, view=view, **form)
    assert "Your request is on its way to the admins" in await visitor.sees(NOT_CLEARED, SUPPORT)
    await visitor.does("/close", NOT_CLEARED, SUPPORT, view=view)
    assert 'role="dialog"' not in await visitor.sees(NOT_CLEARED, SUPPORT)
    page = await visitor.waits_for("in=D", ADMIN, QUALITY)
    (own, *_) = re.findall(r"in=(D\w+)", page)
    page = await visitor.waits_for(">Approve<", ADMIN, own)
    ts = sent(page.split(">Approve")[0], "ts")
    await visitor.does("/press", ADMIN, own, ts=ts, pressed=pressed(page, "Approve"))
    await visitor.waits_for("admin:access:approved", ADMIN, own)
    page = await visitor.sees(NOT_CLEARED, SUPPORT)
    assert re.search(r"Agent</span><span class=\"tick yes\">cleared", page)


async def test_why_names_the_rule_that_decided(visitor):
    page = await ask(visitor, CLEARED, SUPPORT)
    why = re.findall(r"why=([\d.]+)", page)[0]
    page = await visitor.sees(CLEARED, SUPPORT, why=why)
    assert "The recording is redacted because not everybody who could hear it is known to" in page
    assert re.search(r'class="applies"><span[^>]*>➜</span>not everybody', page)
    assert "the plain key · redacted=true · 200" in page
    assert "the raw key" not in page


async def test_the_list_of_requests_names_the_key_and_shows_no_secret(visitor):
    await ask(visitor, CLEARED, QUALITY)
    page = await visitor.waits_for("worker:delivery:delivered", CLEARED, QUALITY)
    assert "the raw key · redacted=false · 200" in page
    workspace = visitor.stage.workspace
    secrets = (stages.PLAIN_KEY, stages.RAW_KEY, workspace.bot_token, workspace.signing_secret)
    assert [each for each in (*secrets, "/upload/v1/", "/commands/") if each in page] == []


async def test_nothing_is_delivered_in_the_shared_channel(visitor):
    await visitor.does("/say", CLEARED, PARTNER, text=f"/callaudio {CALL}")
    await visitor.waits_for("policy:delivery:refused", CLEARED, PARTNER)
    assert "<audio" not in await visitor.sees(PARTNER_PERSON, PARTNER)


async def test_a_message_shortcut_opens_its_modal(visitor):
    page = await ask(visitor, CLEARED, QUALITY)
    ts = re.findall(r"why=([\d.]+)", page)[0]
    await visitor.does("/shortcut", CLEARED, QUALITY, ts=ts)
    page = await visitor.waits_for('formaction="/submit"', CLEARED, QUALITY)
    view = sent(page, "view")
    assert 'role="dialog"' not in await visitor.sees(ADMIN, QUALITY)
    await visitor.does("/close", CLEARED, QUALITY, view=view)
    assert 'role="dialog"' not in await visitor.sees(CLEARED, QUALITY)


async def test_the_app_home_is_shown(visitor):
    page = await visitor.waits_for('class="home"', CLEARED, QUALITY, home="1")
    assert "callaudio Home" in page


async def test_a_redrawn_home_is_not_opened_again(visitor):
    await visitor.waits_for('class="home"', CLEARED, QUALITY, home="1")
    opened = (await visitor.sees(CLEARED, QUALITY)).count("app_home_opened")
    place = {"as": CLEARED, "in": QUALITY, "home": "1"}
    again = await visitor.http.get("/", params=place, headers={"X-Redraws": "1"})
    assert 'class="home"' in again.text
    assert again.text.count("app_home_opened") == opened


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}], ids=["host", "origin"]
)
async def test_other_sites_cannot_act(visitor, headers):
    form = {"as": CLEARED, "in": QUALITY, "text": "said by a stranger"}
    answer = await visitor.http.post("/say", data=form, headers=headers)
    assert answer.status_code == 403
    assert "said by a stranger" not in await visitor.sees(CLEARED, QUALITY)


async def test_an_open_page_receives_changes(visitor):
    async with visitor.http.stream("GET", "/changes", timeout=30) as stream:
        lines = stream.aiter_lines()
        await anext(lines)
        await visitor.does("/say", CLEARED, QUALITY, text="hello")
        async for line in lines:
            if line.startswith("data"):
                break
        assert line == "data: changed"


async def test_the_page_loads_nothing_from_other_hosts(visitor):
    answer = await visitor.http.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', answer.text) == []
