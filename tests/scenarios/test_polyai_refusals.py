"""Everything that PolyAI may answer instead of a recording, as the requester sees it."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.cli.stage import AGENT_ID, PLAIN_KEY, RAW_KEY
from bot.polyai.calls import MAX_READS
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_server import PolyAISandbox
from tests.scenarios.conftest import QUICK
from tests.scenarios.scene import (
    ALICE,
    BROKEN_OFF,
    CALL,
    CHANNEL,
    Scene,
    Seen,
    assert_failed,
    assert_raw,
    assert_redacted,
)

MONTH, MINUTE = timedelta(days=30), timedelta(minutes=1)
PLACEHOLDERS = ("{conversationId}", "&lt;conversation-id&gt;", "your-conversation-id")
# Read as the label of an id that was left out.
LABELS_ALONE = ("[call_id]", ":conversationId", "CONVERSATION_ID")


def assert_correlated(seen: Seen) -> None:
    """Check that the note contains PolyAI's id of the failed request, as the log does."""
    correlation_id = seen.audio_requests[-1].correlation_id
    assert correlation_id in str(seen.note.blocks)
    assert seen.audit[-1].payload["correlation_id"] == correlation_id


def assert_nothing_was_announced(scene: Scene) -> None:
    assert scene.workspace.called("chat.postMessage") == []
    assert scene.workspace.files == []


async def test_permanent_refusals_are_reported_at_once_and_not_retried(scene, subtests):
    key, operator = "polyai_key_rejected", "Ask the callaudio operator to"
    changed_api = ("could not make sense of the request", "its API has changed")
    answers: dict[tuple[int, str | bytes | None], tuple[str, ...]] = {
        # The status, PolyAI's code or the whole body: our code, and what people are told.
        (401, None): (key, "API key", operator),
        (401, "AUTH_USER_NOT_FOUND"): (key, "another region", "`POLYAI_REGION`"),
        (403, "AUTH_USER_NOT_FOUND"): (key, "wrong, expired or empty"),
        (403, None): ("polyai_forbidden", "does not let this API key", "was revoked", "covers"),
        (404, "CONVERSATIONS_NOT_FOUND"): (
            *("conversation_not_found", "knows no conversation with this id"),
            *("another agent or region", "Copy the link from Agent Studio again"),
        ),
        (404, "PROJECT_NOT_FOUND"): ("agent_not_found", "`POLYAI_AGENT_ID`", operator),
        (404, b'{"message": "Not Found"}'): ("wrong_host", "wrong host", "`POLYAI_API_URL`"),
        (404, b"<html>gone</html>"): ("wrong_host", "did not come from PolyAI's API", operator),
        (410, None): ("recording_gone", "was deleted at PolyAI", "cannot be restored"),
        (400, None): ("polyai_request_invalid", *changed_api, "report the reference id"),
        (418, None): ("polyai_request_invalid", *changed_api),
        (500, "INTERNAL"): ("polyai_server_error", "PolyAI's support the correlation id"),
    }
    for (status, said), (code, *words) in answers.items():
        with subtests.test(f"{status} {said or ''}"):
            answer = {"body": said} if isinstance(said, bytes) else {"error": said}
            scene.polyai.faults.add(Fault("audio", status=status, **answer))

            seen = await scene.ask(scene.another_call())

            assert_failed(seen, code, *words)
            assert_correlated(seen)
            assert [r.status for r in seen.audio_requests] == [status]
    assert_nothing_was_announced(scene)


async def test_the_sandboxs_refusals_are_reported_alike(scene, subtests):
    """Keys, agents and ids that are really wrong, instead of scripted answers."""
    with subtests.test("an id nobody knows"):
        seen = await scene.ask("CA" + "f" * 32)
        assert_failed(seen, "conversation_not_found", "name that agent as in `sales:CA…`")
    with subtests.test("a key made for other agents"):
        scene.polyai.add_key(PLAIN_KEY, agents=["PROJECT-OTHER"])
        assert_failed(await scene.ask(scene.another_call()), "polyai_forbidden", "other agents")
        scene.polyai.add_key(PLAIN_KEY)
    with subtests.test("only the raw key is wrong"):
        await scene.grant()
        del scene.polyai.keys[RAW_KEY]
        seen = await scene.ask(scene.another_call())
        assert_failed(seen, "polyai_key_rejected")
        # The bot does not fall back to redacted by itself.
        assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {
            ("unknown", "false")
        }
        call = scene.another_call()
        assert_redacted(await scene.ask(f"{call} redacted"), "asked", call)
    with subtests.test("an agent nobody knows"):
        call = scene.another_call()
        scene.polyai.agents.discard(AGENT_ID)
        assert_failed(await scene.ask(f"{call} redacted"), "agent_not_found")


def ago(changes: dict[str, Any]) -> dict[str, Any]:
    """Return how long ago something was, computed when the call is made."""
    now = datetime.now(UTC)
    return {
        name: now - value if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }


async def test_the_causes_of_a_missing_recording_are_distinguished(scene, subtests):
    calls = {
        "a chat": (
            {"channel": "WEBCHAT", "started_at": MONTH},
            "recording_missing",
            "It was a chat: only phone calls are recorded",
        ),
        "a call of last month": (
            {"started_at": MONTH},
            "recording_missing",
            "This conversation has no recording",
            "past the retention period",
            "Check in Agent Studio",
        ),
        "a call that ended a minute ago": (
            {"started_at": MINUTE, "finished_at": MINUTE},
            "recording_not_ready",
            "not ready yet",
            "Ask again in ten minutes",
        ),
        "a call in progress": (
            {"started_at": MINUTE, "in_progress": True},
            "recording_not_ready",
            "still going on",
        ),
    }
    for kind, (changes, code, *words) in calls.items():
        with subtests.test(kind):
            seen = await scene.ask(scene.another_call(recording=None, **ago(changes)))
            assert_failed(seen, code, *words)
            assert_correlated(seen)
            assert "it is tried again" not in seen.note.text  # it no longer is
    with subtests.test("nothing is known of the call"):
        scene.polyai.faults.add(Fault("conversation", status=500))
        seen = await scene.ask(scene.another_call(recording=None, **ago({"started_at": MONTH})))
        assert_failed(seen, "recording_missing", "a chat", "only just ended", "retention")
    assert_nothing_was_announced(scene)

    with subtests.test("it gets ready meanwhile"):
        just_now = timedelta()
        call = scene.another_call(**ago({"started_at": just_now, "finished_at": just_now}))
        not_yet = {"status": 404, "error": "CONVERSATIONS_RECORDING_NOT_FOUND"}
        again = {"Retry-After": "0.1"}
        scene.polyai.faults.add(Fault("audio", **not_yet, headers=again, times=2))
        seen = await scene.ask(call)
        assert_redacted(seen, "not_cleared", call)
        assert [r.status for r in seen.audio_requests] == [404, 404, 200]


async def test_a_retry_after_of_polyai_is_respected(scene):
    await scene.grant()
    scene.polyai.faults.add(Fault("audio", status=429, headers={"Retry-After": "0.3"}))
    began = time.monotonic()

    seen = await scene.ask()

    assert_raw(seen)
    assert time.monotonic() - began >= 0.3
    assert [r.status for r in seen.audio_requests] == [429, 200]

    scene.polyai.faults.add(Fault("audio", status=429, headers={"Retry-After": "3600"}))
    seen = await scene.ask(scene.another_call())
    assert_failed(seen, "polyai_rate_limited", "limits how fast", "Try again in a minute")
    assert [r.status for r in seen.audio_requests] == [429]  # nobody waits an hour


async def test_temporary_faults_are_retried_and_lasting_ones_are_reported(scene, subtests):
    page = b"<html>502 Bad Gateway</html>"
    troubles: dict[str, tuple[dict[str, Any], ...]] = {
        "answers": ({"status": 502, "body": page}, *({"status": s} for s in (503, 504, 408))),
        "no answers": ({"drop_connection": True},),
    }
    for number, (trouble, faults) in enumerate(troubles.items(), start=1):
        with subtests.test(trouble):
            call = scene.another_call()
            for fault in faults:
                scene.polyai.faults.add(Fault("audio", **fault))
            assert_redacted(await scene.ask(call), "not_cleared", call)

            for fault in faults * 25:
                scene.polyai.faults.add(Fault("audio", **fault))
            seen = await scene.ask(scene.another_call())
            scene.polyai.faults.clear()
            words = ("cannot be reached", "Try again in a few minutes")
            assert_failed(seen, "polyai_unavailable", *words)
            assert_correlated(seen)
            assert 1 < len(seen.audio_requests) <= 24  # again, a limited number of times
            # Only delivered recordings had a card.
            assert len(scene.workspace.called("chat.postMessage")) == number


async def test_no_redirect_is_followed_and_no_key_reaches_its_target(scene, subtests):
    await scene.grant()
    async with PolyAISandbox() as elsewhere:
        target = {"Location": f"{elsewhere.url}/v1/agents/{AGENT_ID}/conversations/{CALL}/audio"}
        for status in (301, 302, 303, 307, 308):
            with subtests.test(status):
                for route in ("audio", "conversation"):
                    scene.polyai.faults.add(Fault(route, status=status, headers=target))

                seen = await scene.ask(scene.another_call())

                assert_failed(
                    seen,
                    "unexpected_redirect",
                    "sent the request elsewhere",
                    "a gateway that asks for a login",
                    "`POLYAI_API_URL`",
                )
                assert elsewhere.url not in str(seen.note)
        assert elsewhere.requests == []
    assert_nothing_was_announced(scene)


async def test_a_failure_after_the_card_withdraws_it(scene, subtests):
    scene.excuse(BROKEN_OFF)
    late = {
        "recording_gone": Fault("audio", status=410),
        "polyai_key_rejected": Fault("audio", status=401),
        "polyai_unavailable": Fault("audio", status=503, times=100),
        "recording_cut_short": Fault("audio", when="after", drop_connection=True),
    }
    for number, (code, fault) in enumerate(late.items(), start=1):
        with subtests.test(code):
            scene.polyai.faults.clear()
            for _ in range(3):
                # The first answers are good, so the card is posted; then the body breaks off.
                scene.polyai.faults.add(Fault("audio", when="after", drop_connection=True))
                scene.polyai.faults.add(fault)

            seen = await scene.ask(scene.another_call())

            assert_failed(seen, code)
            assert "worker:delivery:announced" in seen.tags
            assert len(scene.workspace.called("chat.delete")) == number
            assert scene.workspace.called("files.completeUploadExternal") == []

    # One failure is not permanent: the body is fetched again from its start.
    scene.polyai.faults.clear()
    scene.polyai.faults.add(Fault("audio", when="after", drop_connection=True))
    call = scene.another_call()
    assert_redacted(await scene.ask(call), "not_cleared", call)
    assert len(scene.workspace.called("files.completeUploadExternal")) == 1


async def test_facts_are_shown_without_the_phone_number_and_do_not_delay_the_recording(scene):
    call = scene.another_call(handoff=True)
    seen = await scene.ask(call)
    shown = str(seen.posted[0].blocks)
    for fact in ("inbound", "call of 0:12", "handed over to a person", "+44"):
        assert fact in shown
    assert "1234567890" not in shown

    scene.polyai.faults.add(Fault("conversation", status=500, times=100))
    call = scene.another_call()
    assert_redacted(await scene.ask(call), "not_cleared", call)


async def test_missing_facts_do_not_delay_the_recording(new_scene):
    async with new_scene(timings=replace(QUICK, facts_seconds=0.2)) as scene:
        scene.polyai.faults.add(Fault("conversation", hang=True, times=100))
        calls = [scene.another_call() for _ in range(2 * MAX_READS)]

        await asyncio.gather(*(scene.people.command(ALICE, CHANNEL, call) for call in calls))

        for each in await scene.deliveries():
            assert (await scene.ended(each.id)).state == "delivered"
        assert len(scene.every_visible_file()) == len(calls)
        scene.polyai.faults.release("conversation")


async def test_placeholders_are_refused_before_any_request(scene, subtests):
    for placeholder in PLACEHOLDERS:
        with subtests.test(placeholder):
            ack = await scene.people.command(ALICE, CHANNEL, placeholder)
            assert "placeholder" in ack.text
            assert "Copy the id or the link" in ack.text
            assert ack.body["response_type"] == "ephemeral"
            assert placeholder.strip("{}$[]:") not in ack.text
    for label in LABELS_ALONE:
        with subtests.test(label):
            ack = await scene.people.command(ALICE, CHANNEL, label)
            assert "No conversation was given" in ack.text
            assert ack.body["response_type"] == "ephemeral"
    assert scene.polyai.requests == []
    assert await scene.deliveries() == []
    assert scene.everything_posted() == []
