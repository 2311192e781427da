"""Builds the digest part of a worker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bot.digests.access_report import access_report
from bot.digests.calls_report import CallsReporter
from bot.digests.digest import DigestKind
from bot.digests.run_store import RunStore
from bot.digests.slack_port import DigestPort
from bot.digests.steps import DigestSteps, Reporter
from bot.jobs.digest_workflow import DigestWorkflow
from bot.polyai.http import HttpGet
from bot.polyai.lists import CallLists
from bot.slack.digests.gateway import SlackDigestGateway
from bot.slack.recordings.gateway import SlackGateway
from bot.wiring.core import Core
from bot.wiring.timings import Timings


@dataclass(frozen=True, slots=True)
class DigestOutlets:
    """The reporter of each kind of digest, and the gateway that posts them."""

    reporters: Mapping[DigestKind, Reporter]
    slack: DigestPort


OpenOutlets = Callable[[Core], DigestOutlets]


def build_outlets(core: Core) -> DigestOutlets:
    """Build the reporters and the gateway."""
    source = CallLists(HttpGet(core.http, clock=core.clock))
    return DigestOutlets(
        reporters={
            DigestKind.CALLS: CallsReporter(source=source, agents=core.agents).report,
            DigestKind.ACCESS: partial(access_report, core.database),
        },
        slack=SlackDigestGateway(core.api, SlackGateway(core.api, core.http)),
    )


def build_digest_workflow(core: Core, outlets: DigestOutlets, timings: Timings) -> DigestWorkflow:
    """Build the workflow of one slot."""
    steps = DigestSteps(
        runs=RunStore(database=core.database, clock=core.clock),
        directory=core.directory,
        reporters=outlets.reporters,
        slack=outlets.slack,
    )
    return DigestWorkflow(steps=steps, retry=timings.retry, clock=core.clock)
