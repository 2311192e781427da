"""*Transcript*: as personal as raw audio, never redacted, and only where raw may be heard."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from bot.access.grants import Effect
from bot.sandbox.faults import Fault
from bot.sandbox.objects import Message
from bot.sandbox.polyai_calls import SAID
from bot.slack.identifiers import Action
from bot.store.tables import DeliveryRow, RecentRequestRow
from tests.scenarios.conftest import WATCHFUL
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene
from tests.scenarios.test_nothing_leaks import files_in, seen_by_people, tables_of
from tests.scenarios.thread import card, offered, press, press_for_more

SOON = replace(WATCHFUL, check_every=timedelta(seconds=0.3))
NAME, NUMBER = "Marigold Featherstonehaugh", "oh seven seven double zero"


async def raw(scene: Scene, *words: str) -> Message:
    """Deliver a raw recording, whose card offers the transcript."""
    await scene.grant()
    seen = await scene.ask(" ".join([CALL, *words]))
    return await card(scene, seen.delivery, "*Unredacted*")


def asked_whole(scene: Scene) -> list[str]:
    """Return the keys with which the conversation itself was requested."""
    return [r.key_kind for r in scene.polyai.requests if not r.path.endswith("/audio")]


async def test_a_transcript_is_a_text_file_beside_the_audio(scene):
    message = await raw(scene)

    row = await press_for_more(scene, message, Action.TRANSCRIPT)

    assert (row.state, row.kind, row.outcome, row.reason) == (
        "delivered",
        "transcript",
        "raw",
        "cleared",
    )
    _, file = scene.workspace.visible_recordings(CHANNEL, message.ts)
    assert (file.name, file.title) == (f"{CALL}-transcript.txt", f"{CALL} (transcript)")
    assert row.size_bytes == len(file.content)
    assert file.content.decode().splitlines()[:5] == [
        f"Conversation {CALL} · 2026-06-03 13:18 UTC · en-GB",
        "",
        "[0:01] Agent: Thank you for calling the clinic. What is your name?",
        "[0:02] Caller: this is Marigold Featherstonehaugh",
        "[0:03] Agent: And the number I can reach you on?",
    ]
    short = await card(scene, row, "*Unredacted*")
    assert short.thread_ts == message.ts
    assert "· deletes <!date" in str(short.blocks)
    assert f"Transcript of `{CALL}`" in short.text
    assert set(offered(short)) == {Action.DELETE}
    assert "raw" in asked_whole(scene)


async def end_right(scene: Scene) -> None:
    await scene.grant(effect=Effect.DENY)


async def let_bob_in(scene: Scene) -> None:
    scene.workspace.join(CHANNEL, BOB)


async def share_channel(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_ext_shared=True)


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (end_right, "not_cleared", "you are not cleared to hear that"),
        (let_bob_in, "audience", "not everyone here is known to be cleared"),
        (share_channel, "external_destination", "Transcripts never go there"),
    ],
)
async def test_a_transcript_that_may_no_longer_be_raw_is_refused_without_asking_polyai(
    scene, change, reason, words
):
    message = await raw(scene)
    asked = len(scene.polyai.requests)
    await change(scene)

    row = await press_for_more(scene, message, Action.TRANSCRIPT)

    assert (row.state, row.outcome, row.reason) == ("refused", "refused", reason)
    note = scene.workspace.ephemerals[-1]
    assert note.user == ALICE
    assert f"I did not post the transcript of `{CALL}`" in note.text
    assert words in note.text
    assert row.id in str(note.blocks)
    assert len(scene.polyai.requests) == asked
    assert [e.tag for e in await scene.audit(row.id)][-1] == "policy:delivery:refused"
    assert not any(f.name.endswith(".txt") for f in scene.workspace.files)


async def test_a_presser_who_is_not_cleared_is_refused(scene):
    message = await raw(scene)
    scene.workspace.join(CHANNEL, BOB)
    row = await press_for_more(scene, message, Action.TRANSCRIPT, user=BOB)
    assert (row.state, row.user_id, row.reason) == ("refused", BOB, "not_cleared")
    assert scene.workspace.ephemerals[-1].user == BOB


async def test_under_the_requester_rule_a_transcript_needs_cleared_listeners(new_scene):
    environment = {"CALLAUDIO_AUDIENCE": "requester"}
    async with new_scene(environment=environment, timings=SOON) as scene:
        message = await raw(scene)
        delivered = await press_for_more(scene, message, Action.TRANSCRIPT)
        assert (delivered.state, delivered.outcome) == ("delivered", "raw")

        scene.workspace.join(CHANNEL, BOB)
        await card(
            scene,
            delivered,
            "The transcript can no longer be read in Slack: who can hear it changed",
        )
        assert [f.name for f in scene.workspace.visible_recordings(CHANNEL)] == [f"{CALL}-raw.wav"]

        asked = len(scene.polyai.requests)
        row = await press_later(scene, message)
        assert (row.state, row.reason) == ("refused", "audience")
        assert "not everyone here is known to be cleared" in scene.workspace.ephemerals[-1].text
        assert len(scene.polyai.requests) == asked


async def test_a_right_that_ends_before_the_share_leaves_nothing_visible(scene):
    message = await raw(scene)
    scene.slack.faults.add(Fault("upload", hang=True, when="after"))
    await press(scene, message, Action.TRANSCRIPT)
    await scene.slack.faults.reached("upload")
    scene.workspace.join(CHANNEL, BOB)
    scene.slack.faults.release("upload")

    row = await scene.ended(await scene.latest())

    assert (row.state, row.reason, row.file_id) == ("refused", "audience", None)
    tags = [e.tag for e in await scene.audit(row.id)]
    assert "policy:delivery:tightened" in tags
    assert not any(f.name.endswith(".txt") and f.completed_times for f in scene.workspace.files)
    assert [m for m in scene.everything_posted() if "Transcript" in m.text] == []


@pytest.mark.only_taken_back
async def test_a_transcript_is_taken_back_like_raw_audio(new_scene):
    async with new_scene(timings=SOON) as scene:
        message = await raw(scene)
        row = await press_for_more(scene, message, Action.TRANSCRIPT)
        await scene.grant(effect=Effect.DENY)

        gone = await card(scene, row, "The transcript can no longer be read in Slack")
        assert offered(gone) == {}, "there is no redacted transcript"
        await card(scene, await scene.row((await scene.deliveries())[0].id), "no longer be heard")
        assert scene.workspace.visible_files(CHANNEL) == []


async def test_a_transcript_can_be_deleted(scene):
    message = await raw(scene)
    row = await press_for_more(scene, message, Action.TRANSCRIPT)
    await press(scene, await card(scene, row, "*Unredacted*"), Action.DELETE)
    await card(scene, row, f"The transcript was deleted from Slack by <@{ALICE}>")
    assert [f.name for f in scene.workspace.visible_recordings(CHANNEL)] == [f"{CALL}-raw.wav"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"row": {"turns": []}}, "transcript_missing"),
        ({"row": {"inProgress": True}}, "transcript_not_ready"),
    ],
)
async def test_a_missing_transcript_is_reported(scene, call, code):
    await scene.grant()
    seen = await scene.ask(scene.another_call(**call))
    message = await card(scene, seen.delivery, "*Unredacted*")

    row = await press_for_more(scene, message, Action.TRANSCRIPT)

    assert (row.state, row.error_code) == ("failed", code)
    note = scene.workspace.ephemerals[-1].text
    assert "I could not deliver the transcript of" in note
    assert "*Likely cause:*" in note
    assert "*What to do:*" in note
    assert len(scene.workspace.messages(CHANNEL)) == 2, "the recording and its card"


async def test_the_words_of_a_transcript_are_in_the_file_only(new_scene, tmp_path, logs):
    async with new_scene(timings=SOON) as scene:
        message = await raw(scene)
        scene.slack.faults.add(Fault("upload", drop_connection=True, when="after"))
        row = await press_for_more(scene, message, Action.TRANSCRIPT)
        assert row.state == "delivered"
        scene.slack.faults.add(Fault("upload", status=500, times=9))
        again = await press_later(scene, message)
        assert again.state == "failed"
        scene.slack.faults.clear()
        echo = f'{{"error_message": "{NAME}"}}'.encode()
        scene.polyai.faults.add(Fault("conversation", status=400, body=echo))
        assert (await press_later(scene, message)).state == "failed"
        await scene.grant(effect=Effect.DENY)
        await card(scene, row, "The transcript can no longer be read in Slack")
        (text, *_) = [f.content for f in scene.workspace.files if f.id == row.file_id]
        haystacks = seen_by_people(scene)
    haystacks |= tables_of(tmp_path / "callaudio.db")
    haystacks |= {name: stream.getvalue().encode() for name, stream in logs.items()}
    haystacks |= files_in(tmp_path)

    spoken = [words for turn in SAID for words in turn if words]
    assert all(words.encode() in text for words in spoken)
    for words in spoken:
        assert [name for name, hay in haystacks.items() if words.encode() in hay] == []

    # The search finds what is there.
    with sqlite3.connect(tmp_path / "callaudio.db") as connection:
        connection.execute("UPDATE deliveries SET response_url = ?", (f"x {NUMBER} y",))
    connection.close()
    found = tables_of(tmp_path / "callaudio.db")
    assert [name for name, hay in found.items() if NUMBER.encode() in hay] != []


async def press_later(scene: Scene, message: Message) -> DeliveryRow:
    """Press again after the window for double presses."""
    async with scene.database.write() as session:
        await session.execute(delete(RecentRequestRow))
    return await press_for_more(scene, message, Action.TRANSCRIPT)
