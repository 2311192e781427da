"""Builds the redaction checks and the canary."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bot.access_requests.freeze_warning import FreezeWarning
from bot.polyai.client import PolyAIClient
from bot.recordings.redaction.canary import CanaryCheck, canary_of
from bot.recordings.redaction.canary_store import CanaryStore
from bot.recordings.redaction.check_store import CheckStore
from bot.recordings.redaction.checking import RedactionChecks
from bot.recordings.redaction.redaction_gate import RedactionGate
from bot.slack.admin.gateway import AdminGateway
from bot.store.due_work import Due
from bot.wiring.core import Core


@dataclass(frozen=True, slots=True)
class Redaction:
    """Checks redacted recordings: stored checks, and the check before each share."""

    checks: RedactionChecks
    store: CheckStore
    gate: RedactionGate
    run: Callable[[Due], Awaitable[datetime | None]]
    """Runs a stored check."""


def build_redaction(core: Core, polyai: PolyAIClient) -> Redaction:
    """Build the checks."""
    store = CheckStore(database=core.database, clock=core.clock)
    checks = RedactionChecks(store=store, polyai=polyai, agents=core.agents, metrics=core.metrics)
    gate = RedactionGate(checks=checks, store=store)
    run = partial(checks.run, notify=AdminGateway(core.api).notify_checked)
    return Redaction(checks, store, gate, run)


def build_canary(core: Core, polyai: PolyAIClient) -> tuple[CanaryCheck, FreezeWarning]:
    """Build the check that the plain key returns only redacted recordings, and its warning."""
    store = CanaryStore(database=core.database, clock=core.clock)
    check = CanaryCheck(
        canary=canary_of(core.settings.callaudio_canary),
        polyai=polyai,
        agents=core.agents,
        store=store,
        home_team=core.identity.team_id,
    )
    warn = AdminGateway(core.api).warn_of_freeze
    return check, FreezeWarning(store=store, reviewers=core.reviewers, warn=warn)
