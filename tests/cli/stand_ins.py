"""Slack and PolyAI, completely set up, for `doctor` to examine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bot.cli.stage import ACCOUNT_ID, AGENT_ID, PLAIN_KEY, PLATFORM_KEY, RAW_KEY
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.wiring.clock import utc_now
from tests.tls import server_tls

SPOKEN = {"recording": Recording.speech(), "started_at": utc_now() - timedelta(days=1)}


@asynccontextmanager
async def stand_ins(
    workspace: Workspace, certificates: tuple[str | None, str | None] = (None, None)
) -> AsyncIterator[tuple[SlackSandbox, PolyAISandbox]]:
    """Start both; ``certificates`` are Slack's and PolyAI's, None: HTTP."""
    of_slack, of_polyai = (server_tls(each) if each else None for each in certificates)
    async with (
        SlackSandbox(workspace, tls=of_slack) as slack,
        PolyAISandbox(tls=of_polyai) as polyai,
    ):
        polyai.add_key(PLAIN_KEY)
        polyai.add_key(RAW_KEY, pii=True)
        polyai.add_platform_key(PLATFORM_KEY, account_id=ACCOUNT_ID, agents=[AGENT_ID])
        polyai.add_call("CALL-1", agent_id=AGENT_ID, **SPOKEN)
        yield slack, polyai
