"""Builds the worker part: deliveries, digests and periodic work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bot.access_requests.notify import AccessRequestNotifier
from bot.concurrency.urgency import Urgency
from bot.digests.digest_store import DigestStore
from bot.digests.due_slots import claim_due_slots
from bot.digests.slot_claims import SlotClaims
from bot.home.publishing import REFUSED_AGAIN_AFTER, HomePublishing
from bot.home.reading import HomeReader
from bot.jobs.upkeep import CLEAN_EVERY, CleanUp
from bot.jobs.work_kind import WorkKind
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.pruning.pruning import Pruning
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.orphaned_files import OrphanedFiles
from bot.recordings.redaction.canary import EVERY as CHECK_CANARY_EVERY
from bot.recordings.take_back.due_files import DueFiles
from bot.recordings.take_back.redacted_follow_ups import RedactedFollowUps
from bot.recordings.take_back.take_back import TakeBack
from bot.slack.access.gateway import SlackAccessGateway
from bot.slack.home.gateway import SlackHomeGateway
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.admission import Admission
from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.wiring.core import Core
from bot.wiring.deliveries import build_deliveries
from bot.wiring.digests import DigestOutlets, build_digest_workflow
from bot.wiring.redaction import build_canary, build_redaction
from bot.wiring.timings import Timings


@dataclass(frozen=True, slots=True)
class Worker:
    """The kinds of work that a worker runs."""

    kinds: Sequence[WorkKind]
    calls: CallReader


def build_worker(core: Core, timings: Timings, outlets: DigestOutlets) -> Worker:
    """Build the kinds of work; nothing runs yet."""
    kind = DueWorkKind
    polyai = PolyAIClient(HttpGet(core.http, clock=core.clock))
    check_schedule = FileCheckSchedule(keep=core.settings.keep_raw, check_every=timings.check_every)
    redaction = build_redaction(core, polyai)
    canary_check, freeze_warning = build_canary(core, polyai)
    admission = Admission(core.rate_limiter)
    deliveries = build_deliveries(
        core, timings, polyai=polyai, check_schedule=check_schedule, gate=redaction.gate
    )
    take_back = _build_take_back(core, check_schedule)
    claims = SlotClaims(database=core.database, clock=core.clock)
    digests = build_digest_workflow(core, outlets, timings)
    home_publishing = _build_home_publishing(core, timings)
    access = _build_access_request_notifier(core, timings)
    cleaning = _build_clean_up(core, claims)
    return Worker(
        kinds=(
            # Most running deliveries wait for another server.
            WorkKind(
                kind.DELIVER,
                deliveries.workflow.run,
                at_once=32,
                waiting=deliveries.waiting,
                in_turn=True,
                urgency=Urgency.DELIVERY,
                admission=admission,
                give_up=deliveries.workflow.give_up,
            ),
            WorkKind(
                kind.CLAIM_DIGEST_SLOTS,
                partial(claim_due_slots, claims, timings.catch_up),
                at_once=4,
            ),
            # A digest is less urgent than a recording.
            WorkKind(kind.POST_DIGEST, digests.run, at_once=4, give_up=digests.give_up),
            WorkKind(kind.NOTIFY_DIGEST_OWNER, digests.notify, at_once=2),
            # A check takes a second, or minutes while Slack hangs. Six may hang before others have
            # to wait; with six running, Slack's limits set the pace.
            WorkKind(
                kind.CHECK_AUDIENCE,
                take_back.check_audience,
                at_once=6,
                urgency=Urgency.CHECK,
                longest_wait=timings.check_every,
            ),
            WorkKind(
                kind.CHECK_SHARES,
                take_back.check_shares,
                at_once=2,
                urgency=Urgency.CHECK,
                longest_wait=timings.check_every,
            ),
            WorkKind(
                kind.RECHECK_RIGHTS,
                partial(_recheck_rights, core),
                at_once=1,
                urgency=Urgency.TAKE_BACK,
            ),
            WorkKind(
                kind.TAKE_BACK, take_back.delete_visible, at_once=4, urgency=Urgency.TAKE_BACK
            ),
            WorkKind(
                kind.DELETE_ORPHANED_FILE,
                take_back.delete_orphaned,
                at_once=4,
                urgency=Urgency.TAKE_BACK,
            ),
            WorkKind(
                kind.PUBLISH_HOME, home_publishing.run, at_once=4, longest_wait=REFUSED_AGAIN_AFTER
            ),
            WorkKind(kind.HANDLE_ACCESS_REQUEST, access.run, at_once=4),
            WorkKind(kind.CHECK_REDACTION, redaction.run, at_once=1),
            WorkKind(
                kind.CHECK_CANARY, canary_check.run, at_once=1, longest_wait=CHECK_CANARY_EVERY
            ),
            WorkKind(kind.WARN_OF_FREEZE, freeze_warning.run, at_once=1),
            WorkKind(kind.CLEAN_UP, cleaning.run, at_once=1, longest_wait=CLEAN_EVERY),
        ),
        calls=deliveries.calls,
    )


async def _recheck_rights(core: Core, due: Due) -> None:
    """Make the checks of one workspace due now: of its raw files, and of its Homes."""
    await core.early_checks.check_now(due.key)
    await core.home_store.check_now(due.key)


def _build_home_publishing(core: Core, timings: Timings) -> HomePublishing:
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


def _build_take_back(core: Core, check_schedule: FileCheckSchedule) -> TakeBack:
    return TakeBack(
        due=DueFiles(database=core.database, clock=core.clock, check_schedule=check_schedule),
        files=core.take_back_store,
        orphaned_files=OrphanedFiles(database=core.database, clock=core.clock),
        evaluator=core.policy_evaluator,
        slack=SlackGateway(core.api, core.http),
        follow_ups=RedactedFollowUps(
            deliveries=core.deliveries, is_on=core.settings.callaudio_downgrade == "on"
        ),
    )


def _build_access_request_notifier(core: Core, timings: Timings) -> AccessRequestNotifier:
    return AccessRequestNotifier(
        requests=core.access_requests,
        rights=core.rights,
        reviewers=core.reviewers,
        directory=core.directory,
        slack=SlackAccessGateway(core.api),
        again_after=timings.access_again_after,
    )


def _build_clean_up(core: Core, claims: SlotClaims) -> CleanUp:
    days = core.settings.callaudio_keep_deliveries_days
    digests = DigestStore(database=core.database, clock=core.clock)
    pruning = Pruning(
        database=core.database,
        clock=core.clock,
        keep=timedelta(days=days) if days else None,
        counted_since=digests.counted_since,
    )
    return CleanUp(claims=claims, pruning=pruning, database=core.database, clock=core.clock)
