"""Builds the worker part: deliveries, digests and periodic work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from bot.access_requests.due import GrantEnds
from bot.access_requests.notify import AccessRequestNotifier
from bot.concurrency.urgency import Urgency
from bot.digests.counted_periods import CountedPeriods
from bot.digests.digest_store import DigestStore
from bot.digests.due_slots import DueSlots
from bot.digests.slot_claims import SlotClaims
from bot.home.publishing import REFUSED_AGAIN_AFTER, HomePublishing
from bot.home.reading import HomeReader
from bot.jobs.delivery_workflow import DeliveryWorkflow
from bot.jobs.upkeep import CLEAN_EVERY, CleanUp
from bot.jobs.work_kind import WorkKind
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.pruning.pruning import Pruning
from bot.recordings.deliveries.destination import Destinations
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.freeze import Freeze
from bot.recordings.redaction.canary import EVERY as CHECK_CANARY_EVERY
from bot.recordings.redaction.sampling import Sampling
from bot.recordings.steps.completion import Completion
from bot.recordings.steps.delivery_decision import DeliveryDecider
from bot.recordings.steps.delivery_steps import DeliverySteps
from bot.recordings.steps.notification import Notification
from bot.recordings.steps.progress import Progress
from bot.recordings.steps.sharing import Sharing
from bot.recordings.steps.transcripts import Transcripts
from bot.recordings.steps.uploading import Uploading
from bot.recordings.take_back.due_files import DueFiles
from bot.recordings.take_back.redacted_follow_ups import RedactedFollowUps
from bot.recordings.take_back.take_back import TakeBack
from bot.recordings.transfer.relay import Relay
from bot.recordings.waveform.pictures import Pictures
from bot.settings.choices import AudienceRule, CheckRedaction
from bot.slack.access.gateway import SlackAccessGateway
from bot.slack.home.gateway import SlackHomeGateway
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.admission import Admission
from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.wiring.core import Core
from bot.wiring.digests import DigestOutlets, build_digest_workflow
from bot.wiring.redaction import build_canary, build_redaction
from bot.wiring.timings import Timings

# Concurrent transfers: each holds a few network buffers.
MAX_RELAYS: Final = 8


@dataclass(frozen=True, slots=True)
class Worker:
    """The kinds of work that a worker runs."""

    kinds: Sequence[WorkKind]
    calls: CallReader


def build_worker(core: Core, timings: Timings, outlets: DigestOutlets) -> Worker:
    """Build the kinds of work; nothing runs yet."""
    slack = SlackGateway(core.api, core.http)
    polyai = PolyAIClient(core.http, clock=core.clock)
    calls = CallReader(polyai, longest_seconds=timings.facts_seconds)
    decider = DeliveryDecider(
        evaluator=core.policy_evaluator,
        clock=core.clock,
        fact_retry_window=timings.fact_retry_window,
        freeze=Freeze(core.database),
    )
    sharing = Sharing(
        deliveries=core.deliveries,
        decider=decider,
        slack=slack,
        visibility_polling=timings.visibility_polling,
    )
    keep_raw = core.settings.keep_raw
    check_schedule = FileCheckSchedule(keep=keep_raw, check_every=timings.check_every)
    redaction = build_redaction(core, polyai)
    canary = build_canary(core, polyai)
    checked = core.settings.callaudio_check_redaction
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
        gate=redaction.gate.check if checked is CheckRedaction.DELIVER else None,
    )
    sampling = Sampling(core.agents, timings.redaction_share)
    notification = Notification(
        deliveries=core.deliveries,
        slack=slack,
        calls=calls,
        agents=core.agents,
        keep_raw=keep_raw,
        audience_must_be_cleared=core.settings.callaudio_audience is AudienceRule.CLEARED,
        first_wait=timings.notify_again,
    )
    deliveries = DeliveryWorkflow(
        steps=steps,
        completion=Completion(
            deliveries=core.deliveries,
            sharing=sharing,
            metrics=core.metrics,
            check_schedule=check_schedule,
            sample=sampling.take if checked is CheckRedaction.SAMPLE else None,
        ),
        notification=notification,
        retry=timings.retry,
        clock=core.clock,
    )
    claims = SlotClaims(database=core.database, clock=core.clock)
    due_slots = DueSlots(claims=claims, rule=timings.catch_up)
    digests = build_digest_workflow(core, outlets, timings)
    take_back = TakeBack(
        due=DueFiles(database=core.database, clock=core.clock, check_schedule=check_schedule),
        files=core.take_back_store,
        orphaned_files=core.orphaned_files,
        evaluator=core.policy_evaluator,
        slack=slack,
        follow_ups=RedactedFollowUps(
            deliveries=core.deliveries, is_on=core.settings.callaudio_downgrade == "on"
        ),
    )
    home_publishing = build_home_publishing(core, timings)
    access = AccessRequestNotifier(
        requests=core.access_requests,
        grant_ends=GrantEnds(database=core.database, rights=core.rights, clock=core.clock),
        reviewers=core.reviewers,
        directory=core.directory,
        slack=SlackAccessGateway(core.api),
        again_after=timings.access_again_after,
    )
    admission = Admission(core.rate_limiter)
    days = core.settings.callaudio_keep_deliveries_days
    counted = CountedPeriods(
        database=core.database,
        digests=DigestStore(database=core.database, clock=core.clock),
        clock=core.clock,
    )
    pruning = Pruning(
        database=core.database,
        clock=core.clock,
        keep=timedelta(days=days) if days else None,
        counted_since=counted.since,
    )
    cleaning = CleanUp(claims=claims, pruning=pruning, database=core.database, clock=core.clock)
    return Worker(
        kinds=(
            # Most running deliveries wait for another server.
            WorkKind(
                DueWorkKind.DELIVER,
                admission.with_reserved_calls(deliveries.run),
                at_once=32,
                waiting=uploading.waiting,
                in_turn=True,
                urgency=Urgency.DELIVERY,
                admission=admission,
                give_up=deliveries.give_up,
            ),
            WorkKind(DueWorkKind.CLAIM_DIGEST_SLOTS, due_slots.run, at_once=4),
            # A digest is less urgent than a recording.
            WorkKind(DueWorkKind.POST_DIGEST, digests.run, at_once=4, give_up=digests.give_up),
            WorkKind(DueWorkKind.NOTIFY_DIGEST_OWNER, digests.notify, at_once=2),
            # A check takes a second, or minutes while Slack hangs. Six may hang before others have
            # to wait; with six running, Slack's limits set the pace.
            WorkKind(
                DueWorkKind.CHECK_AUDIENCE,
                take_back.check_audience,
                at_once=6,
                urgency=Urgency.CHECK,
                longest_wait=timings.check_every,
            ),
            WorkKind(
                DueWorkKind.CHECK_SHARES,
                take_back.check_shares,
                at_once=2,
                urgency=Urgency.CHECK,
                longest_wait=timings.check_every,
            ),
            WorkKind(
                DueWorkKind.RECHECK_RIGHTS,
                partial(_recheck_rights, core),
                at_once=1,
                urgency=Urgency.TAKE_BACK,
            ),
            WorkKind(
                DueWorkKind.TAKE_BACK,
                take_back.delete_visible,
                at_once=4,
                urgency=Urgency.TAKE_BACK,
            ),
            WorkKind(
                DueWorkKind.DELETE_ORPHANED_FILE,
                take_back.delete_orphaned,
                at_once=4,
                urgency=Urgency.TAKE_BACK,
            ),
            WorkKind(
                DueWorkKind.PUBLISH_HOME,
                home_publishing.run,
                at_once=4,
                longest_wait=REFUSED_AGAIN_AFTER,
            ),
            WorkKind(DueWorkKind.HANDLE_ACCESS_REQUEST, access.run, at_once=4),
            WorkKind(DueWorkKind.CHECK_REDACTION, redaction.run, at_once=1),
            WorkKind(
                DueWorkKind.CHECK_CANARY,
                canary.check.run,
                at_once=1,
                longest_wait=CHECK_CANARY_EVERY,
            ),
            WorkKind(DueWorkKind.WARN_OF_FREEZE, canary.warning.run, at_once=1),
            WorkKind(DueWorkKind.CLEAN_UP, cleaning.run, at_once=1, longest_wait=CLEAN_EVERY),
        ),
        calls=calls,
    )


def build_home_publishing(core: Core, timings: Timings) -> HomePublishing:
    """Build the publishing of App Homes."""
    return HomePublishing(
        home_store=core.home_store,
        reader=HomeReader(
            database=core.database,
            people=core.people,
            audience_rule=core.settings.callaudio_audience,
            clock=core.clock,
            digests=DigestStore(database=core.database, clock=core.clock),
        ),
        slack=SlackHomeGateway(core.api, core.identity),
        check_every=timings.home_check_every,
    )


async def _recheck_rights(core: Core, due: Due) -> None:
    """Make the checks of one workspace due now: of its raw files, and of its Homes."""
    await core.early_checks.check_now(due.key)
    await core.home_store.check_now(due.key)
