"""Slack fails temporarily while a delivery reads its facts: the outcome is that of the facts.

Each fault is longer than the tries of one call, so the fact is unknown at first.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.grants import Right
from bot.jobs.retry_rule import RetryRule
from bot.network.retry import ATTEMPTS
from bot.recordings.steps.delivery_decision import FactRetryWindow
from bot.sandbox.faults import Fault
from bot.wiring.clock import utc_now
from tests.scenarios.conftest import QUICK
from tests.scenarios.scene import ALICE, CHANNEL, RAW_SPAN, Scene

GROUP = "S0LISTENERS"
USUAL = "unavailable"
PASSING = {
    "rate limited": {"status": 429, "headers": {"Retry-After": "0"}, "body": b"{}"},
    "its answer is lost": {"when": "after", "drop_connection": True},
    USUAL: {"status": 503, "body": b"oops"},
    "its workspace is being moved": {"error": "team_added_to_org"},
}
FACTS = ["conversations.info", "conversations.members", "users.info", "usergroups.users.list"]
PATIENT = replace(
    QUICK, retry=RetryRule(first_wait_seconds=0.01), fact_retry_window=FactRetryWindow()
)
IMPATIENT = replace(QUICK, fact_retry_window=FactRetryWindow(timedelta(0), timedelta(0)))
FOR_GOOD = 200


async def arrange(scene: Scene, fact: str, fault: dict[str, object], times: int) -> None:
    """Clear Alice through a group, alone with the bot in a private channel."""
    scene.workspace.usergroups[GROUP] = (ALICE,)
    await scene.grant(GROUP, right=Right.PII)
    scene.slack.faults.add(Fault(fact, times=times, **fault))


@pytest.mark.parametrize(
    ("fact", "fault"),
    [
        # Which failures are temporary is tested in tests/slack/web_api/.
        pytest.param(
            fact, fault, id=f"{name}-{fact}", marks=() if name == USUAL else pytest.mark.long
        )
        for name, fault in PASSING.items()
        for fact in FACTS
    ],
)
async def test_a_temporary_fault_does_not_change_the_outcome(new_scene, fact, fault):
    async with new_scene(timings=PATIENT) as scene:
        await arrange(scene, fact, fault, ATTEMPTS + 1)

        seen = await scene.ask(channel=CHANNEL)

        assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "cleared")
        assert RAW_SPAN in seen.file.content


@pytest.mark.parametrize("fact", ["users.info", "usergroups.users.list"])
async def test_a_long_wait_for_polyai_does_not_shorten_the_time_for_slacks_facts(new_scene, fact):
    passed = timedelta(0)
    async with new_scene(timings=PATIENT, clock=lambda: utc_now() + passed) as scene:
        scene.workspace.usergroups[GROUP] = (ALICE,)
        await scene.grant(GROUP, right=Right.PII)
        scene.polyai.faults.add(Fault("audio", status=503, times=ATTEMPTS))
        async with scene.between_upload_and_share() as asking:
            passed = timedelta(minutes=14)
            scene.slack.faults.add(Fault(fact, times=ATTEMPTS + 1, **PASSING[USUAL]))

        seen = await asking

        assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "cleared")
        assert RAW_SPAN in seen.file.content
        assert "Slack did not" not in seen.told


@pytest.mark.parametrize(
    ("fact", "state", "code", "said"),
    [
        ("conversations.members", "failed", "facts_not_told", "Slack did not say who"),
        ("users.info", "failed", "facts_not_told", "Slack did not say who"),
        ("usergroups.users.list", "delivered", "not_told", "Slack did not confirm, for minutes"),
    ],
)
async def test_a_lasting_fault_fails_closed_with_an_explanation(new_scene, fact, state, code, said):
    async with new_scene(timings=IMPATIENT) as scene:
        await arrange(scene, fact, PASSING[USUAL], FOR_GOOD)

        seen = await scene.ask(channel=CHANNEL)

        delivery = seen.delivery
        assert (delivery.state, delivery.error_code or delivery.reason) == (state, code)
        assert said in seen.told
        assert "not in that conversation" not in seen.told
        assert "Only members" not in seen.told
        assert all(RAW_SPAN not in file.content for file in seen.files)
