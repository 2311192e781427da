"""The view of App Home: within Slack's limits for any content, without injected markup."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.grants import Effect, Grant, Right, Subject, SubjectKind
from bot.access.person import Person
from bot.access.policy import Outcome, Standing
from bot.access_requests.request import AccessRequest, AccessState
from bot.digests.digest_administration import ListedDigest
from bot.home.reading import AdminPart, Home, HomeFacts
from bot.recordings.deliveries.delivery import State
from bot.recordings.deliveries.past_deliveries import PastDelivery
from bot.sandbox.block_limits import problems
from bot.settings.choices import AudienceRule
from bot.slack.home.view import home
from tests.conftest import NOON
from tests.contracts.test_listeners import request
from tests.digests.builders import digest
from tests.tables import each_row

ALICE, BOSS, TEAM = "U0ALICE00", "U0BOSS000", "T0CALLAUDIO"
URL = "https://acme.slack.com"
PAST = PastDelivery(
    id="d0123456789abcdef0123",
    conversation_id="CA0123456789abcdef0123456789abcdef",
    requested_at=NOON,
    channel_id="C0QUALITY0",
    state=State.DELIVERED,
    outcome=Outcome.RAW,
    parent_ts="1780000000.000100",
    share_ts="1780000009.000200",
    error_code=None,
    is_taken_back=False,
)
GRANT = Grant(
    id=1,
    subject=Subject(TEAM, SubjectKind.USER, ALICE),
    right=Right.PII,
    effect=Effect.GRANT,
    given_by=BOSS,
    reason="<!channel> Mrs Private",
    starts_at=NOON,
    expires_at=NOON + timedelta(hours=8),
    revoked_by=None,
    revoked_at=None,
)
NOBODY = Person(Standing.MEMBER, frozenset(), ())
OUTSIDER = replace(NOBODY, standing=Standing.EXTERNAL)
PENDING = replace(
    request(AccessState.PENDING), reason="<!channel> Mrs Private", messages=(("C0APPROVE0", "1.2"),)
)


LISTED = ListedDigest(
    digest(agent_name="sales"), "At 09:00, Monday through Friday", "Thu 4 Jun 09:00 BST"
)


def read(
    person: Person = NOBODY,
    pending: tuple[AccessRequest, ...] = (),
    own: AccessRequest | None = None,
    **changes,
) -> Home:
    watched = HomeFacts(person, pending, own)
    return replace(Home(ALICE, AudienceRule.CLEARED, watched), **changes)


def words(read_: Home, url: str | None = URL) -> str:
    view = home(read_, url)
    assert view["type"] == "home"
    assert problems(view["blocks"], "home") == []
    return str(view["blocks"])


def test_the_largest_view_is_within_slacks_limits():
    longest = replace(PAST, conversation_id="x" * 128, error_code="y" * 64, state=State.FAILED)
    wordy = replace(GRANT, given_by="x" * 255)
    many = AdminPart((wordy,) * 99, (LISTED,) * 99)
    held = Person(Standing.MEMBER, frozenset(Right), (GRANT,))
    text = words(read(held, (PENDING,) * 99, PENDING, deliveries=(longest,) * 20, admin=many))
    assert "… and 89 more" in text
    assert "… and 79 more" in text
    assert text.count("calls digest") == 10


def test_ending_grants_beyond_the_list_are_counted():
    text = words(read(admin=AdminPart((GRANT,), more_ending=5)))
    assert "… and 5 more: `/callaudio-admin list`" in text
    assert "… and" not in words(read(admin=AdminPart((GRANT,))))


def test_an_admin_sees_each_digest_with_its_next_run_and_can_add_one():
    text = words(read(admin=AdminPart((), (LISTED,))))
    assert "calls digest of `sales` in <#C0QUALITY0>" in text
    assert "next: Thu 4 Jun 09:00" in text
    assert "Add a digest" in text
    assert "None is scheduled." in words(read(admin=AdminPart()))
    assert "Add a digest" not in words(read())


@each_row(
    ("changes", "said"),
    [
        ({}, "*unredacted*"),
        ({"outcome": Outcome.REDACTED}, "*redacted*"),
        ({}, f"{URL}/archives/C0QUALITY0/p1780000009000200?thread_ts=1780000000.000100&amp;cid="),
        (
            {"is_taken_back": True},
            f"no longer in Slack · <{URL}/archives/C0QUALITY0/p1780000000000100|Open in Slack>",
        ),
        ({"state": State.UNCONFIRMED, "share_ts": None}, "posted, not visible yet · <"),
        (
            {"state": State.REQUESTED, "outcome": None},
            "· `CA0123456789abcdef0123456789abcdef` · on its way ·",
        ),
        ({"length_seconds": 125.4}, "· 2:05 · *unredacted* · delivered"),
        ({"state": State.REFUSED, "outcome": Outcome.REFUSED}, "· refused ·"),
        ({"state": State.FAILED, "error_code": "recording_gone"}, "failed (`recording_gone`)"),
        ({}, "reference `d0123456789abcdef0123`"),
    ],
)
def test_each_recording_is_shown_with_its_state(changes, said):
    assert said in words(read(deliveries=(replace(PAST, **changes),)))


@each_row("state", [s for s in State if s not in (State.DELIVERED, State.UNCONFIRMED)])
def test_an_undelivered_recording_has_no_link_and_no_variant(state):
    text = words(read(deliveries=(replace(PAST, state=state),)))
    assert URL not in text
    assert "*unredacted*" not in text


def test_without_the_workspaces_address_there_are_no_links():
    text = words(read(pending=(PENDING,), deliveries=(PAST,), admin=AdminPart()), None)
    assert "archives" not in text
    assert "· delivered ·" in text


def test_a_request_is_shown_first_with_its_reason_as_plain_text_beside_the_buttons():
    part = AdminPart((GRANT,))
    view = home(read(user_id=BOSS, pending=(PENDING,), admin=part, deliveries=(PAST,)), URL)
    heading, asked, reason, buttons, *rest = view["blocks"]
    assert heading["text"]["text"] == "Waiting for an admin"
    assert "asks to hear unredacted recordings for *4 hours*" in str(asked)
    assert "<!channel> Mrs Private" in str(reason)
    assert "mrkdwn" not in str(reason)
    assert [each["text"]["text"] for each in buttons["elements"]] == ["Approve", "Deny"]
    assert "Mrs Private" not in str(rest), "the reason of a grant is not shown"
    assert "Waiting for an admin" not in words(read(admin=AdminPart()))


def test_a_delivered_call_is_shown_by_its_time_and_length_instead_of_its_id():
    assert PAST.conversation_id not in words(read(deliveries=(PAST,)))


def test_a_person_without_recordings_sees_the_steps_to_the_first_one():
    new = words(read())
    for step in ("/invite @callaudio", "Find a call", "Request access"):
        assert step in new
    assert "second admin" not in new
    assert "second admin" in words(read(admin=AdminPart()))
    cleared = Person(Standing.MEMBER, frozenset({Right.PII}), ())
    assert "Request access" not in words(read(cleared))
    assert "Your first recording" not in words(read(deliveries=(PAST,)))


def test_the_persons_request_is_shown_with_hours_and_times_and_without_its_reason():
    text = words(read(own=PENDING))
    expires_at = int((NOON + timedelta(hours=24)).timestamp())
    assert "You requested to hear unredacted recordings for *4 hours*" in text
    assert f"<!date^{int(NOON.timestamp())}^" in text
    assert f"waits for an admin until <!date^{expires_at}^" in text
    assert "Mrs Private" not in text
    assert "You requested" not in words(read())


def test_other_people_see_a_single_sentence():
    view = home(read(OUTSIDER, own=PENDING), URL)
    assert len(view["blocks"]) == 1
    assert "members of this workspace" in words(read(OUTSIDER))


@pytest.mark.parametrize("rule", AudienceRule)
def test_the_audience_rule_in_force_is_shown(rule):
    assert "Recordings are unredacted" in words(read(audience_rule=rule))
