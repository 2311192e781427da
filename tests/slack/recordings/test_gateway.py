"""A delivery's calls to Slack, against a workspace on loopback and its failures."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.errors import CallAudioError
from bot.polyai.payloads import Direction
from bot.recordings.audio.wav_header_parser import BodyTruncated
from bot.recordings.deliveries.shares import FileShares
from bot.recordings.deliveries.slack_errors import ConversationUnseen, ShareUnclear, UploadGone
from bot.recordings.deliveries.slack_port import (
    Announcement,
    Delivered,
    NewFile,
    PrivateNote,
    PrivateNoteKind,
    Share,
    UploadTicket,
)
from bot.sandbox.faults import Fault
from bot.slack.web_api import messages
from bot.slack.web_api.errors import SlackRateLimited, SlackUnclear, ThreadGone, UploadRefused
from tests.polling import DEADLINE_SECONDS
from tests.ports import free_port
from tests.slack.conftest import ALICE, BOB, CHANNEL, answering
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
BEYOND_DEADLINE_SECONDS = 2 * DEADLINE_SECONDS
BODY = b"RIFF" + bytes(range(256)) * 8
FILE = NewFile("CA-redacted.wav", len(BODY))
ANNOUNCEMENT = Announcement("d0123456789abcdef0123", CHANNEL, ALICE, CALL)


async def pieces(body=BODY, error=None):
    for at in range(0, len(body), 100):
        yield body[at : at + 100]
    if error:
        raise error


async def uploaded(gateway) -> str:
    ticket = await gateway.start_upload(FILE)
    await gateway.send(ticket, FILE, pieces())
    return ticket.file_id


async def test_a_card_is_marked_and_found_by_its_metadata_with_the_history_scope(
    gateway, workspace
):
    began = datetime.now(UTC)
    other = replace(ANNOUNCEMENT, delivery_id="danother")
    ts = await gateway.announce(ANNOUNCEMENT)
    assert await gateway.find_announcement(ANNOUNCEMENT, began) is None
    workspace.scopes |= {"channels:history"}
    await gateway.announce(other)
    workspace.say(CHANNEL, ALICE, ANNOUNCEMENT.delivery_id)
    assert await gateway.find_announcement(ANNOUNCEMENT, began) == ts
    (message, *_) = workspace.messages(CHANNEL)
    assert message.metadata["event_payload"] == {"delivery_id": ANNOUNCEMENT.delivery_id}


async def test_a_card_is_searched_on_every_page_and_not_among_older_messages(
    gateway, workspace, monkeypatch
):
    monkeypatch.setattr(messages, "HISTORY_PAGE", 1)
    workspace.scopes |= {"channels:history"}
    ts = await gateway.announce(ANNOUNCEMENT)
    for _ in range(3):
        workspace.say(CHANNEL, ALICE, "hello")
    assert await gateway.find_announcement(ANNOUNCEMENT, datetime.now(UTC)) == ts
    assert len(workspace.called("conversations.history")) == 4
    later = datetime.now(UTC) + timedelta(minutes=3)
    assert await gateway.find_announcement(ANNOUNCEMENT, later) is None


async def test_a_history_with_a_repeating_cursor_ends_the_search(gateway, workspace, slack):
    workspace.scopes |= {"channels:history"}
    following = {"next_cursor": "again"}
    page = answering("conversations.history", 100, messages=[], response_metadata=following)
    slack.faults.add(page)
    assert await gateway.find_announcement(ANNOUNCEMENT, datetime.now(UTC)) is None
    assert len(workspace.called("conversations.history")) == 2


async def test_in_an_existing_thread_the_card_is_a_reply_and_found_among_the_replies(
    gateway, workspace
):
    workspace.scopes |= {"channels:history"}
    began = datetime.now(UTC)
    parent = workspace.say(CHANNEL, ALICE, "please listen")
    there = replace(ANNOUNCEMENT, thread_ts=parent.ts)
    assert await gateway.find_announcement(there, began) is None
    ts = await gateway.announce(there)
    assert [m.ts for m in workspace.messages(CHANNEL, parent.ts)] == [parent.ts, ts]
    assert await gateway.find_announcement(there, began) == ts
    assert await gateway.find_announcement(ANNOUNCEMENT, began) is None, "no parent is marked so"
    await gateway.withdraw(CHANNEL, ts)
    assert await gateway.find_announcement(replace(there, thread_ts="1.000000"), began) is None
    with pytest.raises(ThreadGone):
        await gateway.announce(replace(there, thread_ts="1.000000"))


async def test_progress_is_shown_once_and_a_refused_update_is_not_repeated(
    gateway, workspace, slack
):
    ts = await gateway.announce(ANNOUNCEMENT)
    await gateway.show_progress(ts, ANNOUNCEMENT, 42)
    (message,) = workspace.messages(CHANNEL)
    assert "42 %" in str(message.blocks)
    slack.faults.add(Fault("chat.update", error="fatal_error"))
    with pytest.raises(SlackUnclear):
        await gateway.show_progress(ts, ANNOUNCEMENT, 43)
    assert len(workspace.called("chat.update")) == 2


async def test_the_card_is_updated_and_withdrawn(gateway, workspace):
    ts = await gateway.announce(ANNOUNCEMENT)
    await gateway.show_delivered(
        ts, Delivered(ANNOUNCEMENT, "redacted", "audience", Direction.USER, 2000, 1.0, None)
    )
    (message,) = workspace.messages(CHANNEL)
    assert "*Redacted*" in str(message.blocks)
    assert message.metadata is not None
    await gateway.withdraw(CHANNEL, ts)
    assert workspace.messages(CHANNEL) == []


async def test_a_public_channel_is_joined_or_an_invitation_is_requested(gateway, workspace):
    workspace.add_channel("C0PUBLIC00", bot_is_member=False)
    await gateway.join("C0PUBLIC00")
    assert workspace.channels["C0PUBLIC00"].bot_is_member
    workspace.scopes -= {"channels:join"}
    workspace.add_channel("C0PUBLIC01", bot_is_member=False)
    with pytest.raises(ConversationUnseen) as refused:
        await gateway.join("C0PUBLIC01")
    assert "/invite" in refused.value.fix


async def test_an_upload_is_invisible_until_it_is_shared_into_its_thread(gateway, workspace):
    ts = await gateway.announce(ANNOUNCEMENT)
    file_id = await uploaded(gateway)
    assert workspace.file_table[file_id].content == BODY
    assert workspace.visible_files(CHANNEL) == []
    assert await gateway.find_share(file_id, CHANNEL) is None

    await gateway.share(Share(file_id, "title", CHANNEL, ts))
    (file,) = workspace.visible_files(CHANNEL, ts)
    assert (file.name, file.title) == (FILE.name, "title")
    assert await gateway.find_share(file_id, CHANNEL) == file.share_ts
    assert await gateway.find_share(file_id, "C0ELSEWHERE") is None

    await gateway.delete_file(file_id)
    assert workspace.visible_files(CHANNEL) == []
    assert await gateway.find_share(file_id, CHANNEL) is None
    await gateway.delete_file(file_id)
    assert workspace.violations == []


@pytest.mark.parametrize(
    ("error", "bot", "is_gone"),
    [
        ("file_deleted", "outside", True),
        ("file_not_found", "inside", True),
        ("file_not_found", "outside", False),
        ("file_not_found", "unseeing", False),  # it may be of another app
        ("cant_delete_file", "inside", False),  # it is of another app
    ],
)
async def test_a_file_that_slack_cannot_find_is_gone_only_where_the_bot_would_see_it(
    gateway, slack, workspace, error, bot, is_gone
):
    workspace.add_channel("C0SHOWN000", bot_is_member=bot == "inside")
    file = ("F0GONE0000", "C0SHOWN000")
    for method, call, answer in (
        ("files.delete", gateway.delete_file, None),
        ("files.info", gateway.file_shares, FileShares()),
        ("files.info", gateway.is_left_out, error == "file_not_found"),
    ):
        slack.faults.add(Fault(method, error=error))
        if bot == "unseeing":
            slack.faults.add(Fault("conversations.info", error="channel_not_found"))
        if is_gone:
            assert await call(*file) == answer
        else:
            with pytest.raises(CallAudioError):
                await call(*file)


async def test_a_file_that_slack_cannot_find_is_gone_in_direct_messages_or_if_never_shared(gateway):
    await gateway.delete_file("F0NEVER000")
    await gateway.delete_file("F0GONE0000", await gateway.open_dm(ALICE))


async def test_a_share_in_a_private_channel_is_found_as_soon_as_it_is_visible(gateway, workspace):
    workspace.add_channel("G0PRIVATE0", members=[ALICE], is_private=True)
    ts = await gateway.announce(replace(ANNOUNCEMENT, channel_id="G0PRIVATE0"))
    shown, late = [await uploaded(gateway) for _ in range(2)]
    await gateway.share(Share(shown, "title", "G0PRIVATE0", ts))
    workspace.visibility_delay_seconds = 60
    await gateway.share(Share(late, "title", "G0PRIVATE0", ts))
    assert await gateway.find_share(shown, "G0PRIVATE0")
    assert await gateway.find_share(late, "G0PRIVATE0") is None


async def test_the_shares_of_a_forwarded_file_and_its_public_link_are_returned(gateway, workspace):
    workspace.add_channel("G0PRIVATE0", members=[ALICE], is_private=True)
    ts = await gateway.announce(ANNOUNCEMENT)
    file_id = await uploaded(gateway)
    await gateway.share(Share(file_id, "title", CHANNEL, ts))
    message = workspace.forward(file_id, ALICE, "G0PRIVATE0")

    told = await gateway.file_shares(file_id)
    assert (told.has_public_link, told.is_complete) == (False, True)
    assert {each.channel_id: each.shared_by for each in told.places} == {
        CHANNEL: workspace.bot_user_id,
        "G0PRIVATE0": ALICE,
    }
    assert told.ts_in("G0PRIVATE0") == message.ts
    workspace.publish_link(file_id, ALICE)
    assert (await gateway.file_shares(file_id)).has_public_link

    await gateway.delete_file(file_id)
    assert await gateway.file_shares(file_id) == FileShares()


async def test_a_file_that_slack_has_processed_and_shows_nowhere_is_hidden(gateway, workspace):
    ts = await gateway.announce(ANNOUNCEMENT)
    late, shown, left_out = [await uploaded(gateway) for _ in range(3)]
    await gateway.share(Share(shown, "title", CHANNEL, ts))
    workspace.never_shown = lambda _: True
    await gateway.share(Share(left_out, "title", CHANNEL, ts))
    workspace.visibility_delay_seconds = 60
    await gateway.share(Share(late, "title", CHANNEL, ts))
    hidden = [each for each in (late, shown, left_out) if await gateway.is_left_out(each, CHANNEL)]
    assert hidden == [left_out]
    await gateway.delete_file(left_out)
    assert not await gateway.is_left_out(left_out, CHANNEL), "it must not be posted again"


@each_row(
    ("file", "is_left_out"),
    [
        ({"mimetype": "audio/x-wav", "shares": {}}, True),
        ({"mimetype": "audio/x-wav"}, True),
        ({"mimetype": "audio/x-wav", "groups": [CHANNEL]}, False),
        ({"mimetype": "audio/x-wav", "shares": {"private": {CHANNEL: [{"ts": "1.0"}]}}}, False),
        ({"mimetype": "", "shares": {}}, False),
        ([], False),
        (None, False),
    ],
)
async def test_a_file_is_hidden_only_if_slack_names_no_conversation_with_it(
    gateway, slack, file, is_left_out
):
    slack.faults.add(answering("files.info", file=file))
    assert await gateway.is_left_out("F0HIDDEN00", CHANNEL) is is_left_out


def test_an_upload_url_is_a_secret():
    ticket = UploadTicket("F1", SecretStr("https://files.slack.com/upload/v1/bearer"))
    assert "bearer" not in repr(ticket)


@each_row(
    "fault",
    [
        {"status": 500, "body": b"oops"},
        {"status": 504, "body": b"<html>"},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"status": 200, "body": b"OK - 7"},
        {"status": 200, "body": f"OK - {len(BODY)}0".encode()},
        {"status": 201, "body": f"OK - {len(BODY)}".encode()},
        {"drop_connection": True},
        {"drop_connection": True, "when": "after"},
        {"drop_connection": True, "when": "halfway"},
        {"status": 500, "when": "halfway"},
    ],
)
async def test_an_upload_is_complete_only_if_slack_confirms_every_byte(gateway, slack, fault):
    slack.faults.add(Fault("upload", **fault))
    with pytest.raises(UploadRefused) as refused:
        await uploaded(gateway)
    assert refused.value.retryable
    assert "upload/v1" not in refused.value.what + repr(refused.value)


@each_row(
    "said", ["OK - {length}", "OK - {length}\n", " OK-{length}", "OK", "", '{"ok":true}', "\xff"]
)
async def test_an_upload_succeeds_by_its_status_with_any_harmless_body(gateway, workspace, said):
    workspace.upload_answer = said
    file_id = await uploaded(gateway)
    assert workspace.file_table[file_id].uploaded


class Slow:
    """A source that stops after half of the body; it knows whether it is closed."""

    def __init__(self):
        self.is_closed = False
        self.is_waited_for = asyncio.Event()

    async def pieces(self):
        try:
            yield BODY[:1000]
            yield BODY[1000 : len(BODY) // 2 + 1]
            self.is_waited_for.set()
            await asyncio.sleep(BEYOND_DEADLINE_SECONDS)
        finally:
            self.is_closed = True


@pytest.mark.parametrize(
    "fault", [{"drop_connection": True}, {"status": 500}, {"status": 413, "body": b"<html>"}]
)
async def test_an_upload_cut_while_it_waits_for_the_source_closes_the_source(gateway, slack, fault):
    ticket, source = await gateway.start_upload(FILE), Slow()
    slack.faults.add(Fault("upload", when="halfway", **fault))
    async with asyncio.timeout(DEADLINE_SECONDS), aclosing(source.pieces()) as body:
        with pytest.raises(UploadRefused):
            await gateway.send(ticket, FILE, body)
    assert source.is_closed


async def test_a_shutdown_during_an_upload_is_raised_as_a_shutdown(gateway):
    ticket, source = await gateway.start_upload(FILE), Slow()

    async def send() -> None:
        async with aclosing(source.pieces()) as body:
            await gateway.send(ticket, FILE, body)

    sending = asyncio.create_task(send())
    await source.is_waited_for.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await sending
    assert source.is_closed


async def test_a_bug_in_the_source_is_not_reported_as_slacks_fault(gateway):
    ticket = await gateway.start_upload(FILE)
    with pytest.raises(ZeroDivisionError):
        await gateway.send(ticket, FILE, pieces(BODY[:500], ZeroDivisionError()))


@pytest.mark.parametrize("sent", [BODY, BODY[:500], b""])
async def test_a_failure_of_the_source_is_reported_as_the_sources(gateway, workspace, sent):
    ticket = await gateway.start_upload(FILE)
    with pytest.raises(BodyTruncated):
        await gateway.send(ticket, FILE, pieces(sent[:-1], BodyTruncated()))
    assert not workspace.file_table[ticket.file_id].uploaded


@pytest.mark.parametrize(
    "fault", [{"error": "internal_error"}, {"drop_connection": True, "when": "after"}]
)
async def test_a_share_is_tried_once_and_a_lost_answer_is_unclear(gateway, slack, workspace, fault):
    ts = await gateway.announce(ANNOUNCEMENT)
    file_id = await uploaded(gateway)
    slack.faults.add(Fault("files.completeUploadExternal", **fault))
    with pytest.raises(ShareUnclear):
        await gateway.share(Share(file_id, "title", CHANNEL, ts))
    assert len(workspace.called("files.completeUploadExternal")) == 1


@pytest.mark.parametrize(
    ("error", "expected"), [("file_not_found", UploadGone), ("not_in_channel", ConversationUnseen)]
)
async def test_a_share_that_slack_refused_did_not_happen(gateway, slack, error, expected):
    ts = await gateway.announce(ANNOUNCEMENT)
    file_id = await uploaded(gateway)
    slack.faults.add(Fault("files.completeUploadExternal", error=error))
    with pytest.raises(expected):
        await gateway.share(Share(file_id, "title", CHANNEL, ts))


async def test_a_share_is_refused_rather_than_delayed_after_its_decision(gateway, slack, workspace):
    share = Share(await uploaded(gateway), "title", CHANNEL, await gateway.announce(ANNOUNCEMENT))
    method = "files.completeUploadExternal"
    slack.faults.add(Fault(method, status=429, headers={"Retry-After": "5"}))
    for _ in range(2):
        with pytest.raises(SlackRateLimited) as refused:
            await gateway.share(share)
    assert 0 < refused.value.retry_after_seconds <= 5
    assert len(workspace.called(method)) == 1


async def test_posting_a_card_is_never_retried_automatically(gateway, slack, workspace):
    slack.faults.add(Fault("chat.postMessage", drop_connection=True, when="after"))
    with pytest.raises(SlackUnclear):
        await gateway.announce(ANNOUNCEMENT)
    assert len(workspace.messages(CHANNEL)) == 1


def note(workspace, *, user=ALICE, channel=CHANNEL, with_url=True) -> PrivateNote:
    url = workspace.issue_response_url(user, channel) if with_url else None
    return PrivateNote(
        kind=PrivateNoteKind.UNCONFIRMED,
        delivery_id="d1",
        user_id=user,
        channel_id=channel,
        conversation_id=CALL,
        response_url=SecretStr(url) if url else None,
    )


def ways(workspace) -> list[tuple[str, str, str]]:
    return [(each.via, each.channel, each.user) for each in workspace.ephemerals]


@each_row("body", [b"", b"ok", b'{"ok": true}', b"[]", b"\xff", b"<html>"])
async def test_a_private_note_uses_the_response_url_which_may_accept_it_in_any_words(
    gateway, slack, workspace, body
):
    workspace.ephemerals.clear()
    slack.faults.add(Fault("response_url", when="after", status=200, body=body))
    await gateway.notify(note(workspace))
    assert ways(workspace) == [("response_url", CHANNEL, ALICE)]
    assert CALL in workspace.ephemerals[0].text
    assert workspace.ephemerals[0].blocks


@each_row(
    "fault",
    [
        {"status": 404, "body": b"used_url"},
        {"status": 500},
        {"status": 200, "body": b'{"ok": false, "error": "expired_url"}'},
        {"status": 307, "headers": {"Location": "?again"}},
    ],
)
async def test_if_the_response_url_refuses_the_note_is_an_ephemeral_message(
    gateway, slack, workspace, fault
):
    workspace.ephemerals.clear()
    slack.faults.add(Fault("response_url", **fault))
    await gateway.notify(note(workspace))
    assert ways(workspace) == [("chat.postEphemeral", CHANNEL, ALICE)]


@pytest.mark.parametrize("loss", [{"drop_connection": True}, {"hang": True}])
async def test_a_note_with_a_lost_answer_is_not_repeated(
    gateway, slack, workspace, monkeypatch, loss
):
    monkeypatch.setattr("bot.slack.recordings.gateway.NOTE_SECONDS", 0.3)
    slack.faults.add(Fault("response_url", when="after", **loss))
    await gateway.notify(note(workspace))
    slack.faults.release_all()
    assert ways(workspace) == [("response_url", CHANNEL, ALICE)]


async def test_a_note_with_a_refused_connection_is_sent_another_way(gateway, workspace):
    url = f"http://127.0.0.1:{free_port()}/commands/T0CALLAUDIO/secret"
    await gateway.notify(replace(note(workspace), response_url=SecretStr(url)))
    assert ways(workspace) == [("chat.postEphemeral", CHANNEL, ALICE)]


@pytest.mark.parametrize("is_lost", [False, True])
async def test_without_a_response_url_the_note_is_an_ephemeral_message_even_if_its_answer_is_lost(
    gateway, slack, workspace, is_lost
):
    if is_lost:
        slack.faults.add(Fault("chat.postEphemeral", when="after", drop_connection=True))
    await gateway.notify(note(workspace, with_url=False))
    assert ways(workspace) == [("chat.postEphemeral", CHANNEL, ALICE)]
    assert workspace.called("chat.postMessage") == []


async def test_a_direct_message_whose_answer_is_lost_is_not_repeated(gateway, slack, workspace):
    slack.faults.add(Fault("chat.postMessage", when="after", drop_connection=True))
    await gateway.notify(note(workspace, user=BOB, with_url=False))
    assert len(workspace.messages(await gateway.open_dm(BOB))) == 1


async def test_if_slack_itself_fails_as_well_the_note_is_sent_another_way(
    gateway, slack, workspace
):
    slack.faults.add(Fault("response_url", drop_connection=True))
    slack.faults.add(Fault("auth.test", status=503))
    await gateway.notify(note(workspace))
    assert ways(workspace) == [("chat.postEphemeral", CHANNEL, ALICE)]


@pytest.mark.parametrize("channel", [CHANNEL, "C0NOWHERE0", "D0OTHERS00"])
async def test_without_url_and_membership_the_note_is_a_direct_message(
    gateway, slack, workspace, channel
):
    slack.faults.add(Fault("response_url", status=404, body=b"expired_url"))
    await gateway.notify(note(workspace, user=BOB, channel=channel))
    assert workspace.ephemerals == []
    dm = await gateway.open_dm(BOB)
    (message,) = workspace.messages(dm)
    assert CALL in message.text
    assert workspace.messages(CHANNEL) == []


async def test_if_no_way_is_left_an_error_is_raised(gateway, workspace):
    workspace.change_user(BOB, deleted=True)
    with pytest.raises(CallAudioError) as refused:
        await gateway.notify(note(workspace, user=BOB, with_url=False))
    assert refused.value.code == "slack_person_unknown"
