"""Slack's people and conversations: a missing flag is never read as a favourable one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.directory import Conversation, MemberPage
from bot.access.policy import Standing
from bot.errors import CallAudioError
from bot.sandbox.faults import Fault
from bot.slack.web_api import directory
from bot.slack.web_api.directory import SlackDirectory, standing_of, zone_named
from tests.slack.conftest import ALICE, CHANNEL, answering
from tests.tables import each_row

TEAM, ORG = "T0CALLAUDIO", "E0ORG"
MEMBER = {
    "id": ALICE,
    "team_id": TEAM,
    "deleted": False,
    "is_bot": False,
    "is_restricted": False,
    "is_ultra_restricted": False,
}
OF_ANOTHER_TEAM = {"team_id": "T0OTHERTEAM"}
IN_OUR_ORG = {"enterprise_user": {"id": "W1", "enterprise_id": ORG}}
MISSING = object()


def user(**changes):
    """Build a member's object; MISSING leaves a field out."""
    return {name: each for name, each in {**MEMBER, **changes}.items() if each is not MISSING}


def standing(*, enterprise_id=None, **changes):
    return standing_of(user(**changes), team_id=TEAM, enterprise_id=enterprise_id)


@each_row(
    ("changes", "expected"),
    [
        ({}, Standing.MEMBER),
        ({"deleted": True}, Standing.DEACTIVATED),
        ({"deleted": MISSING}, Standing.UNKNOWN),
        ({"deleted": None}, Standing.UNKNOWN),
        ({"deleted": "true"}, Standing.DEACTIVATED),
        ({"is_stranger": True}, Standing.EXTERNAL),
        ({"is_stranger": False}, Standing.MEMBER),
        (OF_ANOTHER_TEAM, Standing.EXTERNAL),
        ({"team_id": MISSING}, Standing.EXTERNAL),
        ({"is_bot": True}, Standing.BOT),
        ({"is_workflow_bot": True}, Standing.BOT),
        ({"is_connector_bot": True}, Standing.BOT),
        ({"is_bot": MISSING}, Standing.UNKNOWN),
        ({"is_bot": None}, Standing.UNKNOWN),
        ({"is_restricted": True}, Standing.GUEST),
        ({"is_ultra_restricted": True}, Standing.GUEST),
        ({"is_restricted": True, "is_ultra_restricted": MISSING}, Standing.GUEST),
        ({"is_restricted": MISSING}, Standing.UNKNOWN),
        ({"is_ultra_restricted": MISSING}, Standing.UNKNOWN),
        ({"is_restricted": "false"}, Standing.UNKNOWN),
        ({"is_bot": True, "is_restricted": MISSING}, Standing.BOT),
        ({**OF_ANOTHER_TEAM, "is_bot": True}, Standing.EXTERNAL),
        ({"is_stranger": True, "deleted": True}, Standing.DEACTIVATED),
        ({"is_stranger": True, "is_bot": True}, Standing.EXTERNAL),
    ],
)
def test_each_set_of_flags_has_its_standing(changes, expected):
    assert standing(**changes) is expected


@each_row(
    ("enterprise_id", "changes", "expected"),
    [
        (ORG, {**OF_ANOTHER_TEAM, **IN_OUR_ORG}, Standing.MEMBER),
        (None, {**OF_ANOTHER_TEAM, **IN_OUR_ORG}, Standing.EXTERNAL),
        (ORG, {**OF_ANOTHER_TEAM, "enterprise_user": {"enterprise_id": "E0"}}, Standing.EXTERNAL),
        (ORG, {**OF_ANOTHER_TEAM, "enterprise_user": {}}, Standing.EXTERNAL),
        (ORG, {**OF_ANOTHER_TEAM, "enterprise_user": None}, Standing.EXTERNAL),
        (ORG, {**OF_ANOTHER_TEAM, **IN_OUR_ORG, "is_restricted": True}, Standing.GUEST),
        (ORG, {**OF_ANOTHER_TEAM, **IN_OUR_ORG, "is_stranger": True}, Standing.EXTERNAL),
        (ORG, {}, Standing.MEMBER),
    ],
)
def test_each_set_of_enterprise_flags_has_its_standing(enterprise_id, changes, expected):
    assert standing(enterprise_id=enterprise_id, **changes) is expected


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just({})


@given(st.dictionaries(st.sampled_from([*MEMBER, "is_stranger", "enterprise_user"]), ANYTHING))
def test_only_a_complete_object_makes_a_member(odd):
    if standing(**odd) is Standing.MEMBER:
        whole = user(**odd)
        flags = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")
        assert [whole[flag] for flag in flags] == [False] * 4
        assert whole["team_id"] == TEAM
        assert not whole.get("is_stranger")


NOT_SHARED = {"is_ext_shared": False, "is_pending_ext_shared": False}


@pytest.fixture
def people(api, identity) -> SlackDirectory:
    return SlackDirectory(api, identity)


async def test_the_standing_of_people_and_of_the_bot_itself(people, workspace):
    workspace.add_user("U0GUEST00", is_restricted=True)
    assert await people.standing(ALICE) is Standing.MEMBER
    assert await people.standing("U0GUEST00") is Standing.GUEST
    asked = len(workspace.called("users.info"))
    # Slack returns `is_bot: false` for Slackbot, which is not a listener.
    assert await people.standing("USLACKBOT") is Standing.BOT
    assert await people.standing(workspace.bot_user_id) is Standing.BOT
    assert len(workspace.called("users.info")) == asked


async def test_an_unknown_person_is_an_error_and_not_a_standing(people):
    with pytest.raises(CallAudioError):
        await people.standing("U0NOBODY0")


async def test_an_answer_without_a_person_is_an_unknown_standing(people, slack):
    slack.faults.add(answering("users.info", user="?"))
    assert await people.standing(ALICE) is Standing.UNKNOWN


async def test_a_public_channel_is_read_with_all_its_flags(people):
    assert await people.conversation(CHANNEL) == Conversation(
        channel_id=CHANNEL,
        is_external=False,
        is_im=False,
        im_user_id=None,
        is_private=False,
        is_archived=False,
        bot_is_member=True,
        member_count=2,
    )


async def test_direct_messages_are_read_with_their_person(people, workspace):
    workspace.add_channel("D0ALICE00", members=[ALICE], is_im=True)
    dm = await people.conversation("D0ALICE00")
    assert (dm.is_im, dm.im_user_id, dm.bot_is_member) == (True, ALICE, True)
    assert (dm.is_external, dm.is_private) == (None, True), "Slack sends no flag for either"


@each_row(
    ("made", "field", "expected"),
    [
        ({"is_ext_shared": True}, "is_external", True),
        ({"is_pending_ext_shared": True}, "is_external", True),
        ({"is_org_shared": True}, "is_external", False),
        ({"omit": ["is_ext_shared"]}, "is_external", None),
        ({"omit": ["is_pending_ext_shared"]}, "is_external", None),
        ({"omit": ["is_ext_shared"], "is_pending_ext_shared": True}, "is_external", True),
        ({"is_private": True}, "is_private", True),
        ({"is_private": False}, "is_private", False),
        ({"omit": ["is_private"]}, "is_private", None),
        ({"is_private": True, "omit": ["is_private"]}, "is_private", None),
        ({"is_mpim": True}, "is_private", True),
        ({"is_mpim": True, "omit": ["is_private"]}, "is_private", True),
        ({"is_archived": True}, "is_archived", True),
        ({"omit": ["is_archived"]}, "is_archived", False),
        ({"bot_is_member": False}, "bot_is_member", False),
        ({"omit": ["is_member"]}, "bot_is_member", False),
        ({"omit": ["num_members"]}, "member_count", None),
    ],
)
async def test_missing_flags_of_a_conversation_are_unknown(
    people, workspace, made, field, expected
):
    workspace.add_channel("C0MADEUP00", members=[ALICE], **made)
    assert getattr(await people.conversation("C0MADEUP00"), field) is expected


@each_row(
    ("answered", "expected"),
    [
        ({}, (None, None)),
        ({"num_members": True}, (None, None)),
        ({"num_members": "7"}, (None, None)),
        ({"is_ext_shared": 0, "is_pending_ext_shared": 0}, (None, None)),
        ({**NOT_SHARED, "num_members": 7}, (False, 7)),
        ({**NOT_SHARED, "pending_shared": ["T9"]}, (True, None)),
        ({**NOT_SHARED, "pending_connected_team_ids": ["T9"]}, (True, None)),
        ("nothing", (None, None)),
    ],
)
async def test_an_odd_answer_about_a_conversation_is_never_favourable(
    people, slack, answered, expected
):
    slack.faults.add(answering("conversations.info", channel=answered))
    found = await people.conversation(CHANNEL)
    assert (found.is_external, found.member_count) == expected
    assert not found.is_im


async def test_members_are_read_page_by_page(people, workspace, monkeypatch):
    assert directory.MEMBERS_PER_PAGE == 200
    monkeypatch.setattr(directory, "MEMBERS_PER_PAGE", 2)
    workspace.add_channel("C0MANY0000", members=[f"U0PERSON{n}" for n in range(4)])
    first = await people.members("C0MANY0000", None)
    assert first.user_ids == ("U0PERSON0", "U0PERSON1")
    second = await people.members("C0MANY0000", first.next_cursor)
    third = await people.members("C0MANY0000", second.next_cursor)
    assert third == MemberPage((workspace.bot_user_id,), None)


async def test_an_answer_without_a_list_of_members_is_an_error(people, slack):
    slack.faults.add(answering("conversations.members"))
    with pytest.raises(CallAudioError, match="did not list"):
        await people.members(CHANNEL, None)


async def test_nothing_is_cached(people, workspace):
    assert not (await people.conversation(CHANNEL)).is_external
    workspace.change_channel(CHANNEL, is_ext_shared=True)
    assert (await people.conversation(CHANNEL)).is_external
    assert await people.standing(ALICE) is Standing.MEMBER
    workspace.change_user(ALICE, deleted=True)
    assert await people.standing(ALICE) is Standing.DEACTIVATED


@each_row(
    ("name", "key"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        *((odd, "UTC") for odd in ("Mars/Olympus", "../../etc/passwd", "", None, 7)),
    ],
)
def test_each_name_is_a_zone_or_utc(name, key):
    assert zone_named(name).key == key


async def test_the_zone_of_a_person_is_read_from_slack_and_without_an_answer_it_is_utc(
    people, workspace, slack
):
    workspace.add_user(ALICE, tz="Asia/Tokyo")
    assert (await people.zone_of(ALICE)).key == "Asia/Tokyo"
    slack.faults.add(Fault("users.info", error="user_not_found"))
    assert (await people.zone_of(ALICE)).key == "UTC"
