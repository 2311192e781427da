"""Every button has a listener, and every listener has a button."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from bot.access.grants import Right
from bot.access.person import Person
from bot.access.policy import Decision, Outcome, Reason, Standing
from bot.access_requests.request import AccessRequest, AccessState
from bot.access_requests.store import StoredAccessRequest
from bot.access_requests.submit import Offer
from bot.digests.digest import DigestKind
from bot.digests.digest_draft import DigestPreview, Draft
from bot.home.reading import AdminPart, Home, HomeFacts
from bot.polyai.browsing import Screen
from bot.polyai.normalization import CallSummary
from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.deliveries.slack_port import PrivateNoteKind, TakenBack
from bot.recordings.lookups.delivery_previewer import Choice, DeliveryPreview
from bot.recordings.lookups.waveform_viewer import WaveformShown
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.recordings.requests.request_writer import StoredRequest
from bot.recordings.take_back.deletion_requests import DeletionRequests
from bot.settings.choices import AudienceRule
from bot.slack import wording
from bot.slack.access import cards as access_cards
from bot.slack.access import form as access_form
from bot.slack.access.listeners import AccessListeners
from bot.slack.admin.listeners import AdminListeners
from bot.slack.blocks import notice
from bot.slack.digest_admin import form as digest_form
from bot.slack.digest_admin import replies as digest_replies
from bot.slack.digest_admin.listeners import DigestAdminListeners
from bot.slack.digests import cards as digest_cards
from bot.slack.digests.listeners import DigestListeners
from bot.slack.event_listeners import EventListeners
from bot.slack.finder import view as finder_view
from bot.slack.finder.listeners import FinderListeners
from bot.slack.finder.search import Search
from bot.slack.home.view import home
from bot.slack.identifiers import (
    ADMIN_COMMAND,
    COMMAND,
    FIND_CALL_SHORTCUT,
    GET_CALL_SHORTCUT,
    Action,
    ModalCallback,
)
from bot.slack.recordings import cards, waveform_modal
from bot.slack.recordings.listeners import RecordingListeners
from bot.slack.recordings.private_notes import private_note
from bot.slack.shortcuts import form as shortcut_form
from bot.slack.shortcuts.listeners import ShortcutListeners
from tests.conftest import NOON
from tests.contracts.test_manifest import MANIFEST
from tests.digests.builders import post
from tests.drawn import dispatched
from tests.slack.digests.builders import full_calls
from tests.slack.recordings.test_cards import DELIVERY, announcement, delivered
from tests.slack.recordings.test_private_notes import REASONS, note
from tests.tables import each_row

FINDER = finder_view.finder(
    Search("default", NOON, day=NOON.date(), places=("", "3:cursor:x"), older="7:cursor:y"),
    Screen((CallSummary("CA0", NOON),), "7:cursor:y"),
    ZoneInfo("UTC"),
    ("default", "sales"),
)

PREVIEW = DigestPreview(
    Draft("g0", DigestKind.CALLS, "C0QUALITY0", "default", "09:00", "Europe/London"),
    "At 09:00",
    ("Mon 1 Jun 09:00 BST",),
)


class Registrations:
    """Replaces Bolt's app, and stores the registered listeners by kind."""

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = {}

    def __getattr__(self, kind: str):
        def register(name: str):
            self.heard.setdefault(kind, []).append(name)
            return lambda listener: listener

        return register


@pytest.fixture
def heard() -> dict[str, list[str]]:
    app = Registrations()
    for listeners in (
        RecordingListeners(
            requests=DeliveryRequests(
                store=None, deliveries=None, membership=None, agents={}, metrics=None
            ),
            deletion_requests=DeletionRequests(
                deliveries=None, membership=None, files=None, administration=None
            ),
            viewer=None,
            people=None,
            modals=None,
        ),
        AdminListeners(
            administration=None, explainer=None, digests=None, redaction=None, people=None
        ),
        DigestAdminListeners(digests=None, modals=None, answers=None),
        DigestListeners(requests=None),
        AccessListeners(submission=None, review=None, api=None),
        FinderListeners(finding=None, requests=None, modals=None, directory=None),
        ShortcutListeners(requests=None, previewer=None, modals=None),
        EventListeners(
            changes=None,
            standings=None,
            read_standing=None,
            early_checks=None,
            home_store=None,
            digests=None,
            uninstallation=None,
            clock=None,
        ),
    ):
        listeners.register(app)
    return app.heard


def request(state: AccessState) -> AccessRequest:
    is_decided = state is not AccessState.PENDING
    return AccessRequest(
        id="a0",
        team_id="T0CALLAUDIO",
        enterprise_id=None,
        user_id="U0ALICE00",
        delivery_id=DELIVERY,
        conversation_id="CA0",
        reason="call quality",
        hours=4,
        state=state,
        requested_at=NOON,
        decided_by="U0BOSS000" if is_decided else None,
        decided_at=NOON if is_decided else None,
    )


def drawn() -> set[str]:
    decided = [request(state) for state in AccessState if state is not AccessState.PENDING]
    messages = [
        *(
            private_note(note(kind, reason))
            for kind in PrivateNoteKind
            for reason in REASONS.get(kind, [None])
        ),
        *(cards.taken_back(TakenBack(announcement(), cause)) for cause in wording.WHY_TAKEN_BACK),
        cards.delivered(delivered(has_picture=True)),
        access_cards.question(request(AccessState.PENDING), is_reminder=False),
        *(access_cards.outcome(each) for each in decided),
        *(access_cards.answer(each) for each in decided),
        access_cards.warning(request(AccessState.APPROVED), NOON),
        digest_replies.offered(PREVIEW),
        digest_cards.message(post(full_calls())),
        digest_cards.message(post(full_calls()), is_plain=True),
    ]
    shown = [*messages, *forms(), *notices(), *homes()]
    return {action for each in shown for action in dispatched(each["blocks"])}


def homes() -> list[dict[str, Any]]:
    """App Homes of an admin with a request to decide, and of a person who may not use callaudio."""
    pending = request(AccessState.PENDING)
    boss = Person(Standing.MEMBER, frozenset(Right), ())
    admin = Home(
        user_id="U0BOSS000",
        audience_rule=AudienceRule.CLEARED,
        watched=HomeFacts(boss, (pending,)),
        admin=AdminPart(),
    )
    outsider = HomeFacts(Person(Standing.EXTERNAL, frozenset(), ()))
    return [home(each, None) for each in (admin, replace(admin, watched=outsider, admin=None))]


def notices() -> list[dict[str, Any]]:
    """Views without a submit button: waiting texts, results of forms, and refusals."""
    stored = StoredRequest(DELIVERY, is_repeat=False)
    state = shortcut_form.Filled(None, redacted=False)
    thread = shortcut_form.Thread("C0QUALITY0", "1.1", (), ())
    refused = DeliveryPreview(
        Decision(Outcome.REFUSED, Reason.REQUESTER_NOT_ALLOWED), None, goes_to_dm=False
    )
    empty = Screen((), "7:cursor:y")
    search = Search("default", NOON, older="7:cursor:y")
    muted = SpanSummary(1, 2.0, (Span(1.0, 3.0),))
    return [
        notice("It is saved."),
        shortcut_form.accepted(stored, "CA0"),
        shortcut_form.form(thread, state, refused),
        access_form.answer(StoredAccessRequest(request(AccessState.PENDING), is_new=False)),
        access_form.answer(StoredAccessRequest(request(AccessState.PENDING), is_new=True)),
        finder_view.finder(search, empty, ZoneInfo("UTC"), ("default",)),
        waveform_modal.view(WaveformShown("CA0", "redacted", "F0PICTURE0", 9.0, muted)),
    ]


def forms() -> list[dict[str, Any]]:
    """Every form that can be sent, one of each kind."""
    choices = (Choice("default", "CA0"), Choice("default", "CA1"))
    thread = shortcut_form.Thread("C0QUALITY0", "1.1", choices, ())
    preview = DeliveryPreview(Decision(Outcome.RAW, Reason.CLEARED), None, goes_to_dm=False)
    return [
        access_form.form(Offer(DELIVERY, "CA0", (1, 4))),
        FINDER,
        shortcut_form.form(thread, shortcut_form.Filled(choices[0], redacted=False), preview),
        digest_form.form(["default"]),
        digest_form.confirmation(PREVIEW),
    ]


def test_every_action_has_a_button_and_every_button_an_action():
    assert drawn() == {action.value for action in Action}


def test_every_action_has_exactly_one_listener(heard):
    assert sorted(heard["action"]) == sorted(action.value for action in Action)


def test_the_listeners_of_commands_match_the_manifest(heard):
    declared = [each["command"] for each in MANIFEST["features"]["slash_commands"]]
    assert sorted(heard["command"]) == sorted(declared)
    assert set(declared) == {COMMAND, ADMIN_COMMAND}


def test_the_listeners_of_events_match_the_manifest(heard):
    declared = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(heard["event"]) == sorted(declared)


def test_every_form_has_exactly_one_listener(heard):
    drawn_ids = [form["callback_id"] for form in forms()]
    assert drawn_ids == [callback.value for callback in ModalCallback]
    assert sorted(heard["view"]) == sorted(callback.value for callback in ModalCallback)


def test_an_action_that_cannot_be_sent_has_neither_button_nor_listener():
    assert [view for view in notices() if "submit" in view or "callback_id" in view] == []


def test_the_listeners_of_shortcuts_match_the_manifest(heard):
    declared = [
        (f"{each['type']}_shortcut", each["callback_id"])
        for each in MANIFEST["features"]["shortcuts"]
    ]
    kinds = ("message_shortcut", "global_shortcut")
    registered = [(kind, name) for kind in kinds for name in heard.get(kind, [])]
    assert sorted(registered) == sorted(declared)
    assert {name for _, name in registered} == {GET_CALL_SHORTCUT, FIND_CALL_SHORTCUT}


@each_row("action", Action)
def test_the_id_of_an_action_is_a_plain_word(action):
    assert quote(action.value, safe="") == action.value
    assert len(action.value) <= 255
