"""Requests to hear unredacted recordings, and deciding on them, through signed HTTP."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.access.grants import Effect
from bot.recordings.deliveries.file_check_schedule import conversation_key
from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.sandbox.faults import Fault
from bot.sandbox.objects import File, Message
from bot.slack.identifiers import Input, ModalCallback
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import expedite
from bot.store.tables import AccessRequestRow, DeliveryRow, GrantRow
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.conftest import WATCHFUL, OpenScene, postgresql_at_length
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, RAW_SPAN, Scene, Seen
from tests.scenarios.thread import refused_presses
from tests.tables import each_row

CHIEF = "U0CHIEF00"
APPROVALS = "C0APPROVE0"
WHY = "Customer Zanzibar <!channel> complains & wants an answer"
ADMINS = {"CALLAUDIO_ADMINS": f"{BOSS},{CHIEF}"}


pytestmark = pytest.mark.watchful


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """Two admins, asked in their direct messages."""
    async with new_scene(environment=ADMINS) as scene:
        scene.workspace.add_user(CHIEF)
        yield scene
        assert_in_order(scene)


def assert_in_order(scene: Scene) -> None:
    """Check that Slack refused no message or view."""
    assert scene.workspace.violations == []
    refused = {
        (call.method, call.status) for call in scene.workspace.calls if call.status != "ok"
    } - {("chat.postMessage", "fault"), ("chat.postMessage", "channel_not_found")}
    assert refused == set()


def dm(user: str) -> str:
    return f"D{user[1:]}".ljust(9, "0")


def buttons(message: Any) -> dict[str, Mapping[str, Any]]:
    return {
        element["text"]["text"]: element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    }


async def message(scene: Scene, channel: str, words: str) -> Message:
    def look() -> Message | None:
        found = [m for m in scene.workspace.messages(channel) if words in m.text]
        return found[-1] if found else None

    return await until(look)


async def question(scene: Scene, admin: str = BOSS) -> Message:
    """Wait for the question to an admin in direct messages."""
    return await message(scene, dm(admin), "asks to hear unredacted")


async def rows(scene: Scene) -> list[AccessRequestRow]:
    return await scene.stored(select(AccessRequestRow).order_by(AccessRequestRow.requested_at))


async def grants(scene: Scene) -> list[GrantRow]:
    return await scene.stored(select(GrantRow).order_by(GrantRow.id))


async def tags(scene: Scene) -> list[str]:
    return [event.tag for event in await scene.all_audit() if "delivery" not in event.tag]


async def move(scene: Scene, row: Any, by: timedelta, *names: str, is_seen: bool = True) -> None:
    """Move the first request into the past, and check the requests as time would."""
    async with scene.database.write() as session:
        if is_seen:
            await expedite(session, DueWorkKind.HANDLE_ACCESS_REQUEST, "", now=utc_now())
        found = (await session.scalars(select(row).order_by(row.id).limit(1))).one()
        for name in names:
            was: datetime | None = getattr(found, name)
            assert was is not None
            setattr(found, name, was - by)


async def is_rested(scene: Scene) -> bool:
    """Return whether the oldest request causes no further work."""
    oldest = (await rows(scene))[0].id
    return await scene.due(DueWorkKind.HANDLE_ACCESS_REQUEST, oldest) is None


async def is_put_off(scene: Scene) -> bool:
    """Return whether the oldest request causes no work within half an hour."""
    due = await scene.due(DueWorkKind.HANDLE_ACCESS_REQUEST, (await rows(scene))[0].id)
    soon = utc_now() + timedelta(minutes=30)
    return due is None or (due.claim is None and due.due_at > soon)


async def redacted(scene: Scene, user: str = ALICE) -> Seen:
    seen = await scene.ask(user=user)
    assert seen.delivery.reason == "not_cleared"
    return seen


async def open_form(scene: Scene, seen: Seen, user: str = ALICE) -> str:
    """Press *Request access*; returns the view's id."""
    (button,) = seen.buttons
    assert button["text"]["text"] == "Request access"
    return await press_open(scene, button, seen.note.channel, seen.note.ts, user)


async def press_open(
    scene: Scene, button: Mapping[str, Any], channel: str, ts: str, user: str = ALICE
) -> str:
    before = set(scene.workspace.views)
    ack = await scene.people.block_action(user, channel, ts, button["action_id"], button["value"])
    assert (ack.arrived, ack.text) == (True, "")
    (view_id,) = set(scene.workspace.views) - before
    return view_id


async def submit(
    scene: Scene, view_id: str, *, user: str = ALICE, reason: str = WHY, hours: str = "4"
) -> Ack:
    return await scene.people.view_submission(
        user,
        view_id,
        {
            Input.REASON: {Input.REASON: {"type": "plain_text_input", "value": reason}},
            Input.HOURS: {
                Input.HOURS: {"type": "static_select", "selected_option": {"value": hours}}
            },
        },
    )


async def ask(scene: Scene, *, user: str = ALICE, hours: str = "4") -> Seen:
    """Get a redacted recording, and request access."""
    seen = await redacted(scene, user)
    ack = await submit(scene, await open_form(scene, seen, user), user=user, hours=hours)
    assert (ack.status, ack.body["response_action"]) == (200, "update")
    assert "is on its way to the admins" in str(ack.body["view"])
    return seen


async def press(scene: Scene, asked: Message, label: str, user: str) -> Ack:
    return await scene.use(buttons(asked)[label], asked, user=user)


def told(scene: Scene, user: str) -> str:
    """Return the last private message to a person."""
    return [e.text for e in scene.workspace.ephemerals if e.user == user][-1]


# ---- the way through


@postgresql_at_length
async def test_an_approved_request_lets_the_person_hear_raw_at_once(scene):
    seen = await ask(scene)
    asked = await question(scene)
    await question(scene, CHIEF)

    ack = await press(scene, asked, "Approve", BOSS)

    answer = await message(scene, dm(ALICE), "approved your request")
    assert (ack.arrived, ack.text) == (True, "")
    assert f"<@{BOSS}>" in answer.text
    assert "until <!date^" in answer.text
    again, file = await sent_now(scene, answer, seen)
    assert (again.outcome, again.reason) == ("raw", "cleared")
    assert (file.channel, file.name) == (CHANNEL, f"{CALL}-raw.wav")
    assert RAW_SPAN in file.content
    (grant,) = await grants(scene)
    (row,) = await rows(scene)
    assert (grant.given_by, grant.reason, grant.right) == (BOSS, WHY, "pii")
    assert grant.expires_at == row.decided_at + timedelta(hours=4)
    assert (row.state, row.decided_by, row.grant_id) == ("approved", BOSS, grant.id)
    assert await tags(scene) == [
        "slack:access:requested",
        "admin:grant:added",
        "admin:access:approved",
    ]
    # Every admin sees the outcome, in the message that had the buttons.
    for admin in (BOSS, CHIEF):
        shown = await message(scene, dm(admin), "*Approved* by")
        assert f"<@{BOSS}>" in shown.text
        assert buttons(shown) == {}
    await until(lambda: is_put_off(scene))
    assert [len(scene.workspace.messages(dm(each))) for each in (BOSS, CHIEF)] == [1, 1]


async def sent_now(scene: Scene, answer: Message, seen: Seen) -> tuple[DeliveryRow, File]:
    """Press *Send it now*; returns the delivery that follows when it has ended, and its file."""
    before = {f.id for f in scene.every_visible_file()}
    await scene.use(buttons(answer)["Send it now"], answer)
    again = await scene.ended(await until(lambda: another_than(scene, seen.delivery.id)))
    (file,) = [f for f in scene.every_visible_file() if f.id not in before]
    return again, file


async def another_than(scene: Scene, delivery_id: str) -> str:
    newest = await scene.latest()
    return "" if newest == delivery_id else newest


@postgresql_at_length
async def test_the_question_names_requester_reason_and_duration_and_a_denial_gives_nothing(scene):
    seen = await ask(scene)
    asked = await question(scene)
    assert f"<@{ALICE}>" in asked.text
    assert "*4 hours*" in asked.text
    assert "<!channel>" not in asked.text
    (words,) = [b for b in asked.blocks if b.get("text", {}).get("type") == "plain_text"]
    assert words["text"]["text"] == WHY
    (row,) = await rows(scene)
    assert {b["value"] for b in buttons(asked).values()} == {row.id}

    await press(scene, asked, "Deny", BOSS)

    answer = await message(scene, dm(ALICE), "denied your request")
    assert f"<@{BOSS}>" in answer.text
    assert "*Denied* by" in (await message(scene, dm(CHIEF), "*Denied*")).text
    assert await grants(scene) == []
    assert await tags(scene) == ["slack:access:requested", "admin:access:denied"]
    # The person may ask again.
    ack = await submit(scene, await open_form(scene, seen))
    assert "is on its way to the admins" in str(ack.body["view"])
    assert [row.state for row in await rows(scene)] == ["denied", "pending"]


@postgresql_at_length
async def test_send_it_now_takes_a_new_decision_and_works_for_the_requester_only(scene):
    seen = await ask(scene)
    await press(scene, await question(scene), "Approve", BOSS)
    answer = await message(scene, dm(ALICE), "approved your request")
    await scene.grant(effect=Effect.DENY)

    await scene.use(buttons(answer)["Send it now"], answer, user=BOB)
    assert "belongs to somebody else" in told(scene, BOB)
    assert len(await scene.deliveries()) == 1
    again, _ = await sent_now(scene, answer, seen)

    assert (again.outcome, again.reason) == ("redacted", "not_cleared")


# ---- the form


async def test_the_form_is_opened_in_time_and_carries_ids_only(scene):
    seen = await redacted(scene)
    view = scene.workspace.views[await open_form(scene, seen)].body

    assert view["callback_id"] == ModalCallback.REQUEST_ACCESS
    assert view["private_metadata"] == seen.delivery.id
    (choice,) = [b["element"] for b in view["blocks"] if b.get("block_id") == Input.HOURS]
    assert [option["value"] for option in choice["options"]] == ["1", "4", "8"]
    (why,) = [b for b in view["blocks"] if b.get("block_id") == Input.REASON]
    assert why["hint"]["text"] == "Kept as you type it. Write no names or numbers of callers."
    (opened,) = scene.workspace.called("views.open")
    assert opened.status == "ok"


async def test_the_longest_duration_is_the_longest_allowed(new_scene):
    async with new_scene(environment={**ADMINS, "CALLAUDIO_MAX_GRANT_HOURS": "6"}) as scene:
        view = scene.workspace.views[await open_form(scene, await redacted(scene))].body
        (choice,) = [b["element"] for b in view["blocks"] if b.get("block_id") == Input.HOURS]
        assert [option["value"] for option in choice["options"]] == ["1", "4", "6"]


async def test_a_press_that_slack_answers_too_slowly_gets_an_error(scene):
    seen = await redacted(scene)
    scene.slack.faults.add(Fault(route="views.open", error="expired_trigger_id", times=1))
    (button,) = seen.buttons

    ack = await scene.use(button, seen.note)

    assert ack.arrived
    assert "could not be opened in time" in told(scene, ALICE)
    scene.workspace.calls.clear()


@each_row(
    ("reason", "hours", "says"),
    [
        ("  ", "4", "A reason has 1 to 300"),
        ("\x00", "4", "A reason has 1 to 300"),
        ("x" * 301, "4", "300"),
        (WHY, "9", "not offered"),
    ],
)
async def test_invalid_input_is_reported_in_the_form(scene, reason, hours, says):
    views = scene.workspace.views
    view_id = next(iter(views), "") or await open_form(scene, await redacted(scene))

    ack = await submit(scene, view_id, reason=reason, hours=hours)

    assert ack.body["response_action"] == "errors"
    assert says in ack.body["errors"][Input.REASON]
    assert "*" not in ack.body["errors"][Input.REASON]
    assert await rows(scene) == []


async def test_a_request_for_another_persons_recording_is_refused(scene):
    seen = await redacted(scene)
    (button,) = seen.buttons
    view_id = await open_form(scene, seen)

    await scene.use(button, seen.note, user=BOB)
    ack = await submit(scene, view_id, user=BOB)

    assert "another person's request" in told(scene, BOB)
    assert ack.body["response_action"] == "errors"
    assert await rows(scene) == []
    refusal = (BOB, "request_access", "nothing_to_ask_for")
    assert await refused_presses(scene) == [refusal, refusal]


@postgresql_at_length
async def test_a_person_who_became_a_guest_cannot_send_the_form(scene):
    seen = await redacted(scene)
    view_id = await open_form(scene, seen)
    scene.workspace.add_user(ALICE, is_restricted=True)
    (button,) = seen.buttons

    await scene.use(button, seen.note)
    ack = await submit(scene, view_id)

    assert "Only members of this workspace, and guests" in told(scene, ALICE)
    assert "Only members of this workspace, and guests" in ack.body["errors"][Input.REASON]
    assert len(scene.workspace.views) == 1
    assert await rows(scene) == []
    assert await refused_presses(scene) == [(ALICE, "request_access", "requester_not_eligible")] * 2


@postgresql_at_length
async def test_the_same_form_is_the_same_request_and_another_choice_a_new_one(scene):
    view_id = await open_form(scene, await redacted(scene))
    form = scene.workspace.views[view_id]

    async def send(hours: str) -> str:
        scene.workspace.views[view_id] = form  # as it stays when Slack got no answer in time
        return str((await submit(scene, view_id, hours=hours)).body)

    await send("4")
    for answer in await asyncio.gather(send("4"), send("4")):
        assert "is still waiting for an admin" in answer
    for view in scene.workspace.views.values():
        assert problems(view.body["blocks"], "modal") == []
    await press(scene, await question(scene), "Deny", BOSS)
    await message(scene, dm(ALICE), "denied your request")
    answer = await send("4")
    assert "has ended: an admin decided, or it expired" in answer
    assert "still waiting" not in answer
    assert [row.state for row in await rows(scene)] == ["denied"]
    await send("1")

    assert [(row.state, row.hours) for row in await rows(scene)] == [("denied", 4), ("pending", 1)]
    assert await tags(scene) == [
        "slack:access:requested",
        "admin:access:denied",
        "slack:access:requested",
    ]


async def test_no_form_is_opened_if_nobody_can_decide(new_scene):
    async with new_scene(environment={"CALLAUDIO_ADMINS": ALICE}) as scene:
        seen = await redacted(scene)
        (button,) = seen.buttons
        await scene.use(button, seen.note)

        assert "No admin can decide" in told(scene, ALICE)
        assert scene.workspace.views == {}
        assert await refused_presses(scene) == [(ALICE, "request_access", "nobody_to_ask")]


# ---- who decides


async def test_an_approval_schedules_checks_of_other_raw_recordings(new_scene):
    rarely = replace(WATCHFUL, check_every=timedelta(hours=1))
    async with new_scene(environment=ADMINS, timings=rarely) as scene:
        scene.workspace.add_user(CHIEF)
        await scene.grant(BOB)
        scene.workspace.add_channel("C0OTHER000", members=[BOB], is_private=True)
        raw = await scene.ask(user=BOB, channel="C0OTHER000")
        assert raw.delivery.outcome == "raw"

        key = conversation_key(scene.workspace.team_id, "C0OTHER000")

        async def is_calm() -> datetime | None:
            due = await scene.due(DueWorkKind.CHECK_AUDIENCE, key)
            later = raw.delivery.requested_at + timedelta(minutes=30)
            return due.due_at if due and due.claim is None and due.due_at > later else None

        before = await until(is_calm)
        await ask(scene)
        asked = await question(scene)
        await press(scene, asked, "Approve", BOSS)

        async def is_later() -> bool:
            return (await is_calm() or before) > before

        await until(is_later)


@postgresql_at_length
async def test_an_admin_cannot_decide_on_their_own_request(scene):
    scene.workspace.join(CHANNEL, BOSS)
    await ask(scene, user=BOSS)
    asked = await question(scene, CHIEF)

    for label in ("Approve", "Deny"):
        await press(scene, asked, label, BOSS)
        assert "Nobody can decide on their own request." in told(scene, BOSS)

    await until(lambda: announced(scene))
    assert scene.workspace.messages(dm(BOSS)) == []
    assert await grants(scene) == []
    assert (await tags(scene)).count("slack:admin:refused") == 2
    assert (await rows(scene))[0].state == "pending"


@postgresql_at_length
async def test_a_person_who_is_not_an_admin_is_refused_and_audited(scene):
    await ask(scene)
    asked = await question(scene)

    for label, user in itertools.product(("Approve", "Deny"), (BOB, ALICE)):
        await press(scene, asked, label, user)
        assert "Only admins of callaudio" in told(scene, user)

    assert await tags(scene) == ["slack:access:requested", *["slack:admin:refused"] * 4]
    assert (await rows(scene))[0].state == "pending"


async def test_the_second_admin_sees_who_decided(scene):
    await ask(scene)
    mine = await question(scene)
    theirs = await question(scene, CHIEF)

    await press(scene, mine, "Approve", BOSS)
    ack = await press(scene, theirs, "Deny", CHIEF)

    assert ack.arrived
    assert f"<@{BOSS}> has already approved that request." in told(scene, CHIEF)
    assert scene.workspace.ephemerals[-1].via == "response_url"
    assert len(await grants(scene)) == 1


async def test_a_person_with_a_deny_cannot_be_approved(scene):
    await scene.grant(effect=Effect.DENY)
    await ask(scene)
    asked = await question(scene)

    await press(scene, asked, "Approve", BOSS)

    assert "a deny beats every grant" in told(scene, BOSS)
    assert (await rows(scene))[0].state == "pending"
    assert [grant.effect for grant in await grants(scene)] == ["deny"]


# ---- where the admins are asked


async def announced(scene: Scene) -> list[AccessRequestRow]:
    return [row for row in await rows(scene) if row.announced_at]


async def test_with_an_approvals_channel_admins_are_asked_only_there(new_scene):
    environment = {**ADMINS, "CALLAUDIO_APPROVALS_CHANNEL": APPROVALS}
    async with new_scene(environment=environment) as scene:
        scene.workspace.add_channel(APPROVALS, members=[BOSS], is_private=True)
        await ask(scene)
        asked = await message(scene, APPROVALS, "asks to hear unredacted")
        await until(lambda: announced(scene))
        assert [channel for channel in scene.workspace.channels if channel.startswith("D")] == []

        await press(scene, asked, "Approve", BOSS)

        assert buttons(await message(scene, APPROVALS, "*Approved* by")) == {}
        await message(scene, dm(ALICE), "approved your request")
        assert_in_order(scene)


@pytest.mark.parametrize(
    "channel", [None, {"is_ext_shared": True}, {"omit": {"is_ext_shared"}}, {"is_archived": True}]
)
async def test_an_unusable_approvals_channel_falls_back_to_direct_messages(new_scene, channel):
    environment = {**ADMINS, "CALLAUDIO_APPROVALS_CHANNEL": APPROVALS}
    async with new_scene(environment=environment) as scene:
        if channel is not None:
            scene.workspace.add_channel(APPROVALS, members=[BOSS], **channel)
        await ask(scene)
        await question(scene)
        assert scene.workspace.messages(APPROVALS) == []


async def test_an_unreachable_admin_does_not_prevent_asking_the_others(scene):
    scene.workspace.add_user(BOSS, deleted=True)
    await ask(scene)
    await question(scene, CHIEF)

    (row,) = await until(lambda: announced(scene))

    assert [channel for channel, _ in row.messages] == [dm(CHIEF)]
    scene.workspace.calls.clear()


async def test_an_admin_whom_slack_fails_to_notify_does_not_delay_the_question_to_others(scene):
    scene.slack.faults.add(Fault(route="chat.postMessage"))  # none for the card
    scene.slack.faults.add(Fault(route="chat.postMessage", error="fatal_error"))
    await ask(scene)

    first = await question(scene, CHIEF)
    later = await question(scene)

    assert float(first.ts) < float(later.ts)
    await until(lambda: announced(scene))
    assert [len(scene.workspace.messages(dm(each))) for each in (BOSS, CHIEF)] == [1, 1]
    scene.workspace.calls.clear()


async def test_the_question_is_asked_later_while_slack_is_unavailable(scene):
    scene.slack.faults.add(Fault(route="conversations.open", error="fatal_error", times=5))
    await ask(scene)

    await question(scene, CHIEF)
    await until(lambda: announced(scene))

    assert len(scene.workspace.messages(dm(BOSS))) == 1
    scene.workspace.calls.clear()


# ---- time


@postgresql_at_length
async def test_an_unanswered_request_is_repeated_once(scene):
    await ask(scene)
    await until(lambda: announced(scene))
    await move(scene, AccessRequestRow, timedelta(hours=4), "requested_at")

    reminder = await message(scene, dm(BOSS), "Still waiting")
    await until(lambda: is_put_off(scene))

    assert set(buttons(reminder)) == {"Approve", "Deny"}
    assert len(scene.workspace.messages(dm(BOSS))) == 2
    await press(scene, reminder, "Deny", BOSS)
    await until(lambda: not any(map(buttons, scene.workspace.messages(dm(BOSS)))))
    await message(scene, dm(ALICE), "denied your request")


@postgresql_at_length
async def test_an_unanswered_request_expires(scene):
    seen = await ask(scene)
    asked = await question(scene)
    await until(lambda: announced(scene))
    await move(scene, AccessRequestRow, timedelta(hours=24), "requested_at", is_seen=False)
    await press(scene, asked, "Deny", CHIEF)
    assert "has expired" in told(scene, CHIEF), "also before a worker has noticed that"
    await move(scene, AccessRequestRow, timedelta(0), "requested_at")

    answer = await message(scene, dm(ALICE), "it has expired")
    assert buttons(await message(scene, dm(BOSS), "*Expired*")) == {}
    await press(scene, asked, "Approve", CHIEF)
    assert "has expired" in told(scene, CHIEF)
    assert await grants(scene) == []
    assert await tags(scene) == [
        "slack:access:requested",
        "slack:admin:refused",
        "worker:access:expired",
        "slack:admin:refused",
    ]
    button = buttons(answer)["Ask again"]
    view_id = await press_open(scene, button, dm(ALICE), answer.ts)
    assert scene.workspace.views[view_id].body["private_metadata"] == seen.delivery.id


@postgresql_at_length
async def test_an_hour_before_the_end_of_a_grant_the_person_may_ask_again(scene):
    seen = await ask(scene, hours="4")
    await press(scene, await question(scene), "Approve", BOSS)
    await message(scene, dm(ALICE), "approved your request")
    await until(lambda: is_put_off(scene))
    assert len(scene.workspace.messages(dm(ALICE))) == 1
    await move(scene, GrantRow, timedelta(hours=3), "expires_at")

    warning = await message(scene, dm(ALICE), "Your access to unredacted recordings ends")
    await until(lambda: is_put_off(scene))

    assert len(scene.workspace.messages(dm(ALICE))) == 2
    view_id = await press_open(scene, buttons(warning)["Ask again"], dm(ALICE), warning.ts)
    assert scene.workspace.views[view_id].body["private_metadata"] == seen.delivery.id
    assert "is on its way to the admins" in str((await submit(scene, view_id)).body)
    assert [row.state for row in await rows(scene)] == ["approved", "pending"]
    await until(lambda: is_rested(scene))


@pytest.mark.parametrize("case", ["short", "revoked", "denied", "outlasted", "over"])
async def test_no_warning_is_sent_before_the_end_of_a_grant_that_is_short_or_not_the_last(
    scene, case
):
    await ask(scene, hours="1" if case == "short" else "4")
    await press(scene, await question(scene), "Approve", BOSS)
    await message(scene, dm(ALICE), "approved your request")
    if case == "revoked":
        await scene.rule(f"revoke <@{ALICE}> pii")
        await move(scene, GrantRow, timedelta(0))
    elif case != "short":
        if case == "outlasted":
            await scene.grant()
        if case == "denied":
            await scene.rule(f"deny <@{ALICE}> pii left the team")
        passed = timedelta(hours=5 if case == "over" else 3)
        await move(scene, GrantRow, passed, "expires_at", "starts_at")

    await until(lambda: is_rested(scene))
    said = [m.text for m in scene.workspace.messages(dm(ALICE))]
    assert [text for text in said if "Your access to unredacted recordings ends" in text] == []


# ---- what leaves the bot


async def test_the_reason_is_shown_to_admins_only(scene, caplog):
    await ask(scene)
    await press(scene, await question(scene), "Approve", BOSS)
    await message(scene, dm(ALICE), "approved your request")

    audited = json.dumps([event.payload for event in await scene.all_audit()])
    assert "Zanzibar" not in audited
    assert "Zanzibar" not in caplog.text
    assert all("Zanzibar" not in m.text for m in scene.workspace.messages(CHANNEL))
