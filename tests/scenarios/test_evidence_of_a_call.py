"""The evidence of a call: the requests, the decisions, and who could hear it until when."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.audit.evidence_verifier import faults
from bot.audit.log import AuditFilter
from bot.audit.snapshot import snapshot
from bot.recordings.evidence.evidence_pack import pack
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL
from tests.scenarios.test_downgrade import RARELY, follower, raw, somebody_uncleared_joins

pytestmark = pytest.mark.watchful


def lines(packed: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in packed.read(name).splitlines()]


async def test_the_evidence_of_a_call_is_complete_and_verifies(new_scene, tmp_path):
    environment = {"CALLAUDIO_CHECK_REDACTION": "deliver"}
    async with new_scene(timings=RARELY, environment=environment) as scene:
        seen = await raw(scene)
        await somebody_uncleared_joins(scene, seen.file.id)
        second = await follower(scene, seen)
        async with snapshot(scene.database) as session:
            told = await pack(session, tmp_path / "pack.zip", AuditFilter(conversation_id=CALL))

    assert told.faults == ()
    assert list(faults(tmp_path / "pack.zip")) == []
    with zipfile.ZipFile(tmp_path / "pack.zip") as packed:
        events = lines(packed, "events.jsonl")
        heard, instead = lines(packed, "deliveries.jsonl")
        (check,) = lines(packed, "checks.jsonl")
        whole = b"".join(packed.read(each) for each in packed.namelist()).decode()
    # Who requested what, and the decisions with their facts.
    assert (heard["asked_by"], heard["conversation"]) == (ALICE, CALL)
    assert (heard["outcome"], heard["reason"]) == ("raw", "cleared")
    decided, decided_again = (e for e in events if e["tag"] == "policy:delivery:decided")
    assert decided["payload"] == {
        "outcome": "raw",
        "reason": "cleared",
        "standing": "member",
        "held": "by_name",
        "requester_in_destination": True,
        "destination_is_external": False,
        "destination_is_private": True,
        "destination_is_allow_listed": False,
        "asked_redacted": False,
        "has_raw_key": True,
        "audience_must_be_cleared": True,
        "audience": "cleared",
    }
    assert (decided_again["payload"]["outcome"], decided_again["delivery"]) == (
        "redacted",
        second.id,
    )
    # Who could hear it, from when to when, and the take-back with its cause.
    assert (heard["destination"], heard["destination_is_private"]) == (CHANNEL, True)
    delivered, taken_back = (
        next(each["at"] for each in events if each["tag"] == tag)
        for tag in ("worker:delivery:delivered", "retention:file:taken_back")
    )
    assert (heard["audible_since"], heard["audible_until"]) == (delivered, taken_back)
    assert heard["taken_back_because"] == "audience"
    # Its replacement, and the check of that.
    assert (instead["replaces"], instead["asked_by"]) == (heard["delivery"], ALICE)
    assert (instead["outcome"], instead["audible_until"]) == ("redacted", None)
    assert (check["verdict"], check["delivery"]) == ("proven", second.id)
    # No content of the call.
    for secret in (BOB, "+44", "hooks.slack", ".wav"):
        assert secret not in whole.replace(_verifier(tmp_path), "")


def _verifier(folder: Path) -> str:
    with zipfile.ZipFile(folder / "pack.zip") as packed:
        return packed.read("verify.py").decode()
