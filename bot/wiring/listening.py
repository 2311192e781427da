"""Builds the web part: the listeners for Slack's requests and their use cases."""

from contextlib import AsyncExitStack

from slack_bolt.async_app import AsyncApp

from bot.access.administration import Administration
from bot.access_requests.review import AccessRequestReview
from bot.access_requests.submit import AccessRequestSubmission
from bot.digests.digest_administration import DigestAdministration
from bot.digests.digest_store import DigestStore
from bot.digests.slot_claims import SlotClaims
from bot.polyai.browsing import CallBrowser
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.recordings.lookups.call_finder import CallFinder
from bot.recordings.lookups.decision_explainer import DecisionExplainer
from bot.recordings.lookups.delivery_previewer import DeliveryPreviewer
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.lookups.waveform_viewer import WaveformViewer
from bot.recordings.redaction.canary_store import CanaryStore
from bot.recordings.redaction.check_store import CheckStore
from bot.recordings.redaction.requests import RedactionRequests
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.recordings.requests.request_store import RequestStore
from bot.recordings.take_back.deletion_requests import DeletionRequests
from bot.slack.access.listeners import AccessListeners
from bot.slack.admin.listeners import AdminListeners
from bot.slack.app import build_app
from bot.slack.digest_admin.listeners import DigestAdminListeners
from bot.slack.digests.listeners import DigestListeners
from bot.slack.error_answers import ErrorAnswers
from bot.slack.event_listeners import EventListeners
from bot.slack.finder.listeners import FinderListeners
from bot.slack.modals import Modals
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.recordings.listeners import RecordingListeners
from bot.slack.shortcuts.listeners import ShortcutListeners
from bot.slack.workspaces import OwnWorkspace
from bot.uninstallation import Uninstallation
from bot.wiring.core import Core


def build_listening(stack: AsyncExitStack, core: Core) -> AsyncApp:
    """Build the Bolt app."""
    settings = core.settings

    administration = Administration(
        database=core.database,
        rights=core.rights,
        clearances=core.clearances,
        people=core.people,
        clock=core.clock,
    )
    membership = WorkspaceMembership(
        database=core.database, home_team=core.identity.team_id, clock=core.clock
    )
    delivery_requests = DeliveryRequests(
        store=RequestStore(
            database=core.database, clock=core.clock, max_waiting=settings.callaudio_max_waiting
        ),
        deliveries=core.deliveries,
        membership=membership,
        agents=core.agents,
        metrics=core.metrics,
    )
    submission = AccessRequestSubmission(
        requests=core.access_requests,
        deliveries=core.deliveries,
        membership=membership,
        clearances=core.clearances,
        reviewers=core.reviewers,
        max_hours=settings.callaudio_max_grant_hours,
    )
    review = AccessRequestReview(
        database=core.database,
        requests=core.access_requests,
        rights=core.rights,
        clearances=core.clearances,
        administration=administration,
        clock=core.clock,
        on_decided=core.home_store.check_now,
    )
    deletion_requests = DeletionRequests(
        deliveries=core.deliveries,
        membership=membership,
        files=core.take_back_store,
        administration=administration,
    )
    store = DigestStore(database=core.database, clock=core.clock)
    digest_administration = DigestAdministration(
        administration=administration,
        store=store,
        claims=SlotClaims(database=core.database, clock=core.clock),
        directory=core.directory,
        agents=core.agents.keys(),
    )
    explainer = DecisionExplainer(
        administration=administration,
        people=core.people,
        evaluator=core.policy_evaluator,
        agents=core.agents,
    )
    lookup_limit = LookupLimit()
    gateway = SlackGateway(core.api, core.http)
    viewer = WaveformViewer(
        deliveries=core.deliveries,
        membership=membership,
        evaluator=core.policy_evaluator,
        find_share=gateway.find_share,
        lookup_limit=lookup_limit,
    )
    previewer = DeliveryPreviewer(
        membership=membership,
        evaluator=core.policy_evaluator,
        directory=core.directory,
        open_dm=gateway.open_dm,
        calls=CallReader(PolyAIClient(HttpGet(core.http, clock=core.clock))),
        agents=core.agents,
        lookup_limit=lookup_limit,
    )
    finding = CallFinder(
        lookup_limit=lookup_limit,
        membership=membership,
        clearances=core.clearances,
        browser=CallBrowser(HttpGet(core.http, clock=core.clock)),
        agents=core.agents,
        clock=core.clock,
    )
    answers = ErrorAnswers(core.metrics, core.api, core.http)
    modals = Modals(core.api, answers)
    stack.push_async_callback(modals.close)
    digest_listeners = DigestAdminListeners(digest_administration, modals, answers)
    return build_app(
        client=core.client,
        authorize=core.identity.authorize,
        workspace=OwnWorkspace(membership),
        listeners=(
            RecordingListeners(
                requests=delivery_requests,
                deletion_requests=deletion_requests,
                viewer=viewer,
                people=core.people,
                modals=modals,
            ),
            AdminListeners(
                administration,
                explainer,
                digest_listeners,
                RedactionRequests(
                    administration=administration,
                    checks=CheckStore(database=core.database, clock=core.clock),
                    canary=CanaryStore(database=core.database, clock=core.clock),
                    agents=core.agents,
                ),
                core.people,
            ),
            digest_listeners,
            DigestListeners(delivery_requests),
            AccessListeners(submission, review, core.api),
            FinderListeners(finding, delivery_requests, modals, core.directory),
            ShortcutListeners(delivery_requests, previewer, modals),
            EventListeners(
                changes=core.group_changes,
                standings=core.standings,
                read_standing=core.directory.read_standing,
                early_checks=core.early_checks,
                home_store=core.home_store,
                digests=store,
                uninstallation=Uninstallation(
                    database=core.database,
                    digests=store,
                    early_checks=core.early_checks,
                    is_installed=core.identity.is_installed,
                    clock=core.clock,
                ),
                clock=core.clock,
            ),
        ),
        answers=answers,
        in_flight=core.in_flight,
    )
