"""*Other side*: another side of the call in the same thread, by the presser's rights."""

import asyncio

from bot.sandbox import recordings
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL
from tests.scenarios.thread import card, choose_side, offered


async def test_another_side_is_delivered_into_the_same_thread_with_a_short_card(scene):
    await scene.grant()
    seen = await scene.ask()
    first = await card(scene, seen.delivery, "*Unredacted*")

    row = await choose_side(scene, first, "Agent")

    assert (row.state, row.direction, row.outcome) == ("delivered", "agent", "raw")
    files = scene.workspace.visible_recordings(CHANNEL, first.ts)
    assert [f.name for f in files] == [f"{CALL}-raw.wav", f"{CALL}-agent-raw.wav"]
    assert files[1].content == recordings.load("agent", redacted=False)
    short = await card(scene, row, "*Unredacted*")
    assert short.thread_ts == first.ts
    assert "+44" in str(first.blocks)
    assert "+44" not in str(short.blocks), "the facts of the call stand above"
    assert set(offered(short)) == set(offered(first))
    assert (await scene.audit(row.id))[0].tag == "slack:delivery:requested"
    assert len([m for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]) == 1


async def test_another_side_is_decided_by_the_pressers_rights(scene):
    await scene.grant()
    seen = await scene.ask()
    first = await card(scene, seen.delivery, "*Unredacted*")
    scene.workspace.join(CHANNEL, BOB)

    row = await choose_side(scene, first, "Caller", user=BOB)

    assert (row.user_id, row.outcome, row.reason) == (BOB, "redacted", "not_cleared")
    caller = [r for r in scene.polyai.requests if r.query.get("direction") == "user"]
    assert {(r.key_kind, r.query["redacted"]) for r in caller} == {("plain", "true")}


async def test_another_side_of_a_recording_requested_redacted_is_redacted(scene):
    await scene.grant()
    seen = await scene.ask(f"{CALL} redacted")
    row = await choose_side(scene, await card(scene, seen.delivery, "*Redacted*"), "Caller")
    assert (row.outcome, row.reason) == ("redacted", "asked")


async def test_two_simultaneous_presses_deliver_once(scene):
    seen = await scene.ask()
    first = await card(scene, seen.delivery, "*Redacted*")

    await asyncio.gather(*(choose_side(scene, first, "Agent", user=ALICE) for _ in range(2)))

    assert len(scene.workspace.visible_recordings(CHANNEL, first.ts)) == 2
    assert len(await scene.deliveries()) == 2


async def test_an_unknown_side_is_refused(scene):
    seen = await scene.ask()
    message = await card(scene, seen.delivery, "*Redacted*")
    await scene.people.choose_on_message(
        ALICE, CHANNEL, message.ts, "other_side", f"nobody {seen.delivery.id}"
    )
    assert "Choose one of the sides" in scene.workspace.ephemerals[-1].text
    assert len(await scene.deliveries()) == 1
