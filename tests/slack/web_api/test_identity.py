"""The bot's identity: read from Slack once in ten minutes, however many callers need it."""

import asyncio
from datetime import timedelta

import pytest

from bot.errors import CallAudioError
from bot.sandbox.faults import Fault
from bot.slack.web_api.identity import ASKED_AGAIN_AFTER, BotIdentity, Identity
from tests.access.builders import Clock
from tests.conftest import NOON

TEN_MINUTES, INSTANT = timedelta(minutes=10), timedelta(microseconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(api, workspace, clock) -> Identity:
    return Identity(api, token=workspace.bot_token, clock=clock)


async def test_the_identity_is_cached_for_ten_minutes(identity, workspace, clock):
    known = await identity.read()
    assert known == BotIdentity(
        team_id=workspace.team_id,
        enterprise_id=None,
        bot_id=workspace.bot_id,
        bot_user_id=workspace.bot_user_id,
        workspace_url="https://sandbox.slack.com",
    )
    clock.now = NOON + TEN_MINUTES - INSTANT
    assert await identity.read() is known
    assert len(workspace.called("auth.test")) == 1
    clock.now = NOON + TEN_MINUTES
    assert await identity.read() == known
    assert len(workspace.called("auth.test")) == 2


async def test_a_clock_that_is_set_back_does_not_prolong_the_cache(identity, workspace, clock):
    await identity.read()
    clock.now -= timedelta(hours=1)
    await identity.read()
    await identity.read()
    assert len(workspace.called("auth.test")) == 2


async def test_simultaneous_callers_cause_one_call(identity, workspace):
    await asyncio.gather(*(identity.read() for _ in range(8)))
    assert len(workspace.called("auth.test")) == 1


async def test_a_failure_is_not_cached(identity, slack, workspace):
    slack.faults.add(Fault("auth.test", error="invalid_auth"))
    with pytest.raises(CallAudioError) as refused:
        await identity.read()
    assert refused.value.code == "slack_token_rejected"
    assert (await identity.read()).team_id == workspace.team_id


@pytest.mark.parametrize(
    "away",
    [
        {"drop_connection": True},
        {"status": 503, "body": b"oops"},
        {"status": 429, "headers": {"Retry-After": "0"}, "body": b"{}"},
        {"hang": True},
    ],
    ids=["connections break", "service unavailable", "rate limited", "no answer"],
)
async def test_while_slack_fails_the_cached_identity_remains_valid(
    identity, slack, clock, workspace, away, monkeypatch
):
    monkeypatch.setattr("bot.slack.web_api.identity.ASKED_FOR_SECONDS", 0.2)
    known = await identity.read()
    slack.faults.everywhere = Fault("*", **away)
    clock.now = NOON + TEN_MINUTES
    assert await identity.read() is known
    asked = len(workspace.called("auth.test"))
    slack.faults.clear()
    assert await identity.read() is known
    assert len(workspace.called("auth.test")) == asked
    clock.now += ASKED_AGAIN_AFTER
    assert await identity.read() == known
    assert len(workspace.called("auth.test")) == asked + 1


async def test_a_definite_refusal_ends_the_cached_identity(identity, slack, clock):
    await identity.read()
    clock.now = NOON + TEN_MINUTES
    slack.faults.everywhere = Fault("auth.test", error="token_revoked")
    with pytest.raises(CallAudioError) as refused:
        await identity.read()
    assert refused.value.code == "slack_token_rejected"
    slack.faults.everywhere = Fault("*", drop_connection=True)
    with pytest.raises(CallAudioError):
        await identity.read()


async def test_bolt_gets_the_installation_with_its_token(identity, workspace):
    result = await identity.authorize()
    assert (result.team_id, result.enterprise_id) == (workspace.team_id, None)
    assert (result.bot_id, result.bot_user_id) == (workspace.bot_id, workspace.bot_user_id)
    assert result.bot_token == workspace.bot_token
    assert workspace.bot_token not in repr(identity)


async def test_whether_the_app_is_installed_is_read_again_and_no_answer_means_no(
    identity, slack, workspace
):
    await identity.read()
    assert await identity.is_installed(workspace.team_id)
    assert not await identity.is_installed("T0ELSEWHERE")

    slack.faults.add(Fault("auth.test", drop_connection=True))
    assert not await identity.is_installed(workspace.team_id)

    workspace.has_app = False
    assert not await identity.is_installed(workspace.team_id)
    with pytest.raises(CallAudioError):
        await identity.read()
