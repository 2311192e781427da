"""Builds the workflow of deliveries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.jobs.delivery_workflow import DeliveryWorkflow
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.recordings.deliveries.destination import Destinations
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.redaction_safety import RedactionSafety
from bot.recordings.redaction.redaction_gate import RedactionGate, Sampling
from bot.recordings.steps.card_progress import Progress
from bot.recordings.steps.completion import Completion
from bot.recordings.steps.delivery_decision import DeliveryDecider
from bot.recordings.steps.delivery_steps import DeliverySteps
from bot.recordings.steps.notification import Notification
from bot.recordings.steps.sharing import Sharing
from bot.recordings.steps.transcripts import Transcripts
from bot.recordings.steps.uploading import Uploading
from bot.recordings.transfer.relay import Relay
from bot.recordings.waveform.pictures import Pictures
from bot.settings.choices import AudienceRule, CheckRedaction
from bot.slack.recordings.gateway import SlackGateway
from bot.wiring.core import Core
from bot.wiring.timings import Timings

# Concurrent transfers: each holds a few network buffers.
MAX_RELAYS: Final = 8


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The workflow of deliveries, and what the worker needs of its parts."""

    workflow: DeliveryWorkflow
    waiting: Callable[[], int]
    """Returns how many running deliveries only wait for their turn to transfer."""
    calls: CallReader


def build_deliveries(
    core: Core,
    timings: Timings,
    *,
    polyai: PolyAIClient,
    check_schedule: FileCheckSchedule,
    gate: RedactionGate,
) -> Deliveries:
    """Build the workflow, from its steps to its end."""
    slack = SlackGateway(core.api, core.http)
    calls = CallReader(polyai, longest_seconds=timings.facts_seconds)
    checked = core.settings.callaudio_check_redaction
    decider = DeliveryDecider(
        evaluator=core.policy_evaluator,
        clock=core.clock,
        fact_retry_window=timings.fact_retry_window,
        safety=RedactionSafety(core.database),
    )
    sharing = Sharing(
        deliveries=core.deliveries,
        decider=decider,
        slack=slack,
        visibility_waits_seconds=timings.visibility_waits_seconds,
    )
    uploading = Uploading(
        relay=Relay(
            polyai=polyai,
            slack=slack,
            metrics=core.metrics,
            max_bytes=core.settings.callaudio_max_recording_mb * 2**20,
            max_concurrent=MAX_RELAYS,
            minimum_speed=timings.minimum_speed,
        ),
        transcripts=Transcripts(polyai=polyai),
        slack=slack,
        progress=Progress(deliveries=core.deliveries, slack=slack, intervals=timings.progress),
        pictures=Pictures(slack=slack),
        calls=calls,
        digests=checked is CheckRedaction.DELIVER,
    )
    steps = DeliverySteps(
        deliveries=core.deliveries,
        destinations=Destinations(
            deliveries=core.deliveries, directory=core.directory, slack=slack
        ),
        decider=decider,
        uploading=uploading,
        sharing=sharing,
        slack=slack,
        agents=core.agents,
        gate=gate.check if checked is CheckRedaction.DELIVER else None,
    )
    sampling = Sampling(core.agents, timings.redaction_share)
    workflow = DeliveryWorkflow(
        steps=steps,
        completion=Completion(
            deliveries=core.deliveries,
            sharing=sharing,
            metrics=core.metrics,
            check_schedule=check_schedule,
            sample=sampling.take if checked is CheckRedaction.SAMPLE else None,
        ),
        notification=Notification(
            deliveries=core.deliveries,
            slack=slack,
            calls=calls,
            agents=core.agents,
            keep_raw=core.settings.keep_raw,
            audience_must_be_cleared=core.settings.callaudio_audience is AudienceRule.CLEARED,
            first_wait=timings.notify_again,
        ),
        retry=timings.retry,
        clock=core.clock,
    )
    return Deliveries(workflow, uploading.waiting, calls)
