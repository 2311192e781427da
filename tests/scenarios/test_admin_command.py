"""`/callaudio-admin` through signed HTTP: who may use it, what it does, and what it answers."""

from collections.abc import AsyncIterator
from dataclasses import fields

import pytest

from bot.access.grants import Effect, Right
from bot.access.policy import Facts
from bot.slack.admin.replies import MAX_LISTED
from tests.scenarios.conftest import OpenScene, postgresql_at_length
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, Scene
from tests.tables import each_row

TEAM_GROUP = "S0QUALITY0"
OTHER_GROUP = "S0OTHER000"


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene(environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        yield scene


@postgresql_at_length
async def test_a_grant_allows_raw_and_its_revocation_or_a_deny_ends_that(scene):
    granted = await scene.rule(f"grant <@{ALICE}> pii for 8h call quality review")
    raw = await scene.ask()
    revoked = await scene.rule(f"revoke <@{ALICE}> pii")
    redacted = await scene.ask(f"{CALL} user")
    await scene.grant()
    denied = await scene.rule(f"deny <@{ALICE}> pii left the project")
    after_the_deny = await scene.ask(f"{CALL} agent")

    assert f"<@{ALICE}> may hear unredacted recordings, until" in granted.text
    assert raw.delivery.outcome == "raw"
    assert revoked.text == "Revoked."
    assert denied.text == (
        f"<@{ALICE}> may no longer hear unredacted recordings, until you revoke this deny."
    )
    for each in (redacted, after_the_deny):
        assert (each.delivery.outcome, each.delivery.reason) == ("redacted", "not_cleared")
    assert {"admin:grant:added", "admin:grant:revoked"} <= set(await scene.tags())


async def refused_changes(scene: Scene) -> list[tuple[str, str, str]]:
    """Return the refused changes of rights: the person, the change and the code."""
    return [
        (event.actor_id, event.payload["action"], event.payload["code"])
        for event in await scene.events("admin:grant:refused")
    ]


async def test_a_person_who_is_not_an_admin_is_refused_and_audited(scene):
    rights = (f"grant <@{BOB}> pii please", f"deny <@{BOB}> pii x", f"revoke <@{BOB}> pii", "list")
    new_digest = f"digest add calls <#{CHANNEL}|quality> at 09:00 mon-fri Europe/London"
    typed = (*rights, new_digest, "digest list", "digest pause g1", "digest run g1")

    for text in typed:
        assert "Only admins of callaudio can do that." in (await scene.rule(text, ALICE)).text

    assert await scene.tags() == ["slack:admin:refused"] * len(typed)


@postgresql_at_length
async def test_a_pii_grant_to_oneself_is_refused(scene):
    ack = await scene.rule(f"grant <@{BOSS}> pii I like it")

    assert "Nobody can give" in ack.text
    assert await refused_changes(scene) == [(BOSS, "grant", "self_grant")]
    assert await scene.tags() == ["admin:grant:refused"]


@postgresql_at_length
async def test_a_pii_grant_to_ones_own_group_is_refused(scene):
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE, BOSS)
    scene.workspace.add_channel("C0BOSS0000", members=[BOSS])

    granted = await scene.rule(f"grant <!subteam^{TEAM_GROUP}|@quality> pii the quality team")
    mine = await scene.ask(user=BOSS, channel="C0BOSS0000")
    hers = await scene.ask(scene.another_call())

    assert "It does not count for you" in granted.text
    assert (mine.delivery.outcome, mine.delivery.reason) == ("redacted", "not_cleared")
    assert hers.delivery.outcome == "raw"
    assert f"<@{BOSS}> is a member and holds `admin`" in (await scene.rule(f"who <@{BOSS}>")).text


async def test_the_last_admin_cannot_be_removed(new_scene):
    """Each case is a row of tests/access/test_administration.py."""
    async with new_scene() as scene:
        await scene.grant(BOB, right=Right.ADMIN)
        for text in (f"deny <@{BOB}> admin because", f"revoke <@{BOB}> admin"):
            ack = await scene.rule(text, BOB)
            assert "That would leave no admin." in ack.text
            assert "Person" not in ack.text
        await scene.rule(f"grant <@{ALICE}> admin for 1m holiday", BOB)
        assert "permanently" in (await scene.rule(f"revoke <@{BOB}> admin", BOB)).text
        assert (await scene.rule("list", BOB)).text.startswith("• `admin`")
        verbs = ("deny", "revoke", "revoke")
        assert await refused_changes(scene) == [(BOB, verb, "last_admin") for verb in verbs]


@postgresql_at_length
async def test_an_admin_cannot_revoke_a_deny_of_their_own_pii(scene):
    through = f"<!subteam^{TEAM_GROUP}>"
    await scene.grant(BOB, right=Right.ADMIN)
    await scene.grant(BOB)
    scene.workspace.usergroups[TEAM_GROUP] = (BOB,)
    await scene.rule(f"deny {through} pii under review")
    scene.workspace.join(CHANNEL, BOB)

    ack = await scene.rule(f"revoke {through} pii", BOB)

    assert "Nobody can revoke a deny" in ack.text
    assert (await scene.ask(user=BOB)).delivery.reason == "not_cleared"
    assert await refused_changes(scene) == [(BOB, "revoke", "own_deny")]
    assert "Revoked" in (await scene.rule(f"revoke {through} pii")).text


@postgresql_at_length
async def test_a_guest_in_an_admin_group_is_not_an_admin(scene):
    scene.workspace.add_user(BOB, is_restricted=True)
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE, BOB)
    await scene.rule(f"grant <!subteam^{TEAM_GROUP}> admin the quality team")
    typed = (f"grant <@{ALICE}> pii please", "list", "digest list", f"who <@{ALICE}>")

    for text in typed:
        assert "Only admins of callaudio" in (await scene.rule(text, BOB)).text
    assert "you are not one" in (await scene.rule("help", BOB)).text
    assert "`admin`" in (await scene.rule("list", ALICE)).text, "a member is"
    assert (await scene.tags()).count("slack:admin:refused") == len(typed)

    await scene.grant(BOB, right=Right.ADMIN)
    assert "`admin`" in (await scene.rule("list", BOB)).text, "and a guest by name"


@postgresql_at_length
async def test_who_lists_each_right_with_giver_reason_and_end(scene):
    await scene.grant(effect=Effect.DENY)
    await scene.rule(f"grant <@{ALICE}> pii for 3d night shift")

    ack = await scene.rule(f"who <@{ALICE}>")

    assert f"<@{ALICE}> is a member and holds no right." in ack.text
    assert f"*denied* `pii` <@{ALICE}>, permanently, by <@{BOSS}>: call quality" in ack.text
    assert f"by <@{BOSS}>: night shift" in ack.text


async def test_who_and_the_list_name_the_settings_as_the_giver_of_first_admins(scene):
    assert "named in `CALLAUDIO_ADMINS`" in (await scene.rule(f"who <@{BOSS}>")).text
    assert "CALLAUDIO_ADMINS" not in (await scene.rule(f"who <@{ALICE}>")).text
    first = f"• `admin` <@{BOSS}>, named in `CALLAUDIO_ADMINS`"
    assert (await scene.rule("list")).text == f"{first}\nNo grant and no deny is in force."

    await scene.grant()
    lines = (await scene.rule("list")).text.splitlines()
    assert lines[0] == first
    assert lines[1].startswith(f"• `pii` <@{ALICE}>")


async def test_long_lists_say_how_many_more_there_are(scene):
    for _ in range(MAX_LISTED + 2):
        await scene.grant()
    await scene.grant(BOB)

    for text, more in ((f"who <@{ALICE}>", 2), ("list", 3)):
        ack = await scene.rule(text)
        assert ack.text.count("• `pii`") == MAX_LISTED
        assert f"… and {more} more" in ack.text


@postgresql_at_length
async def test_explain_shows_the_decision_with_every_fact_and_fetches_nothing(scene):
    await scene.grant()
    scene.workspace.join(CHANNEL, BOB)

    ack = await scene.rule(f"explain {CALL} <@{ALICE}> <#{CHANNEL}|quality>")

    bob = f"<@{BOB}> in <#{CHANNEL}> is not cleared to hear unredacted recordings"
    assert ack.text.startswith(f"*Redacted* because {bob}.")
    assert "reason: `audience`" in ack.text
    assert "private, for members only: yes" in ack.text
    assert "• everyone else there: not all cleared" in ack.text
    assert "the person is: a member" in ack.text
    assert "holds `pii`: by a grant of their own" in ack.text
    assert f"• `pii` <@{ALICE}>, permanently, by <@{BOSS}>: call quality" in ack.text
    assert "redacted was requested: no" in ack.text
    facts, _, _ = ack.text.partition("Grants and denies:")
    # The reason, every fact, and whether the person is cleared, which follows from two facts.
    assert facts.count("• ") == 2 + len(fields(Facts))
    assert scene.polyai.requests == []
    assert scene.workspace.messages(CHANNEL) == []


async def test_explain_says_that_a_channel_is_public_although_its_members_are_cleared(scene):
    await scene.grant()
    scene.workspace.change_channel(CHANNEL, is_private=False)

    ack = await scene.rule(f"explain {CALL} <@{ALICE}> <#{CHANNEL}|quality>")

    assert "reason: `audience`" in ack.text
    assert "private, for members only: no" in ack.text


async def test_help_lists_what_the_person_may_do(scene):
    text = (await scene.rule("help")).text
    example, *forms = text.splitlines()[1:]
    assert example == "For example: `/callaudio-admin grant @ana pii for 8h call quality review`"
    assert "grant @user" in forms[0]
    assert "A reason is kept as you type it" in text
    assert "you are not one" in (await scene.rule("", ALICE)).text


@each_row(
    ("text", "says"),
    [
        # Each mistake is a row of tests/slack/admin/.
        (f"grant <@{ALICE}> pii", "The reason is missing."),
        (f"grant <@{ALICE}> pii for <!channel> why", "is not a duration"),
        (f"grnat <@{ALICE}> pii why", "Did you mean `grant`?"),
        (f"grant <@{ALICE}> <!channel> why", "I cannot tell who `!channel` is."),
        (f"explain {CALL} <@{ALICE}> <!channel>", "is no channel"),
        ("digest add calls <!channel> at 09:00", "is no channel"),
        (f"digest add calls <#{CHANNEL}> at 09:00 <!channel> UTC", "I cannot read `"),
        (f"revoke <@{BOB}> pii", "nothing to revoke"),
        ("rm -rf <!channel>", "I do not know `rm`"),
    ],
)
async def test_unreadable_input_is_answered_with_a_fix(scene, text, says):
    ack = await scene.rule(text)

    assert ack.status == 200
    assert says in ack.text
    assert "*What to do:*" in ack.text
    assert "<!channel>" not in ack.text
    assert ack.body["response_type"] == "ephemeral"


@pytest.mark.parametrize(
    ("denied", "granted", "says"),
    [
        (ALICE, ALICE, f"denied it to <@{ALICE}>, and a deny beats every grant"),
        (TEAM_GROUP, TEAM_GROUP, f"denied it to <!subteam^{TEAM_GROUP}>, and a deny beats"),
        (TEAM_GROUP, ALICE, f"denied it to <!subteam^{TEAM_GROUP}>, and a deny beats"),
        (OTHER_GROUP, ALICE, "and Slack does not say whether they are in that group"),
        (None, "U0OUTSIDE0", "rights do not count for a person of another organisation"),
        (None, "U0GONE0000", "rights do not count for a deactivated account"),
    ],
)
async def test_a_grant_that_does_not_count_is_not_said_to_give_the_right(
    scene, denied, granted, says
):
    def mention(name: str) -> str:
        return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"

    scene.workspace.add_user("U0OUTSIDE0", team_id="T0PARTNER0")
    scene.workspace.add_user("U0GONE0000", deleted=True)
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE,)
    if denied:
        await scene.rule(f"deny {mention(denied)} pii under review")

    answer = (await scene.rule(f"grant {mention(granted)} pii call quality")).text

    assert says in answer
    assert f"{mention(granted)} has `pii` permanently, but may not hear unredacted" in answer


@postgresql_at_length
async def test_leaving_a_group_counts_as_soon_as_slack_reports_it(scene):
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE,)
    await scene.rule(f"grant <!subteam^{TEAM_GROUP}> pii the quality team")
    assert (await scene.ask()).delivery.outcome == "raw"
    assert "holds `pii`" in (await scene.rule(f"who <@{ALICE}>")).text

    scene.workspace.usergroups[TEAM_GROUP] = ()
    remembered = await scene.ask(f"{CALL} agent")
    event = {"type": "subteam_members_changed", "subteam_id": TEAM_GROUP, "team_id": "T0CALLAUDIO"}
    await scene.people.event(event)
    told = await scene.ask(f"{CALL} user")

    assert remembered.delivery.outcome == "raw"
    assert (told.delivery.outcome, told.delivery.reason) == ("redacted", "not_cleared")


async def test_an_unreadable_group_gives_no_right(scene):
    await scene.rule(f"grant <!subteam^{TEAM_GROUP}> pii the quality team")

    assert (await scene.ask()).delivery.reason == "not_cleared"


async def test_a_denied_group_beats_a_grant_and_if_unreadable_nobody_is_said_to_be_denied(scene):
    await scene.grant()
    scene.workspace.usergroups[OTHER_GROUP] = (ALICE,)
    await scene.rule(f"deny <!subteam^{OTHER_GROUP}> pii under review")
    assert (await scene.ask(f"{CALL} user")).delivery.reason == "not_cleared"
    await scene.rule(f"revoke <!subteam^{OTHER_GROUP}> pii")
    await scene.rule(f"deny <!subteam^{TEAM_GROUP}> pii under review")

    assert (await scene.ask()).delivery.reason == "not_cleared"
    listed = (await scene.rule(f"who <@{ALICE}>")).text
    assert "under review (Slack does not say whether they are in this group)" in listed
    helped = (await scene.people.command(ALICE, CHANNEL, "help")).text
    assert f"<!subteam^{TEAM_GROUP}>, and Slack does not say whether you are in that" in helped
    assert "beats every grant" not in helped
