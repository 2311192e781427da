"""`/callaudio-admin` through signed HTTP: who may, what it does, and what it says."""

from collections.abc import AsyncIterator

import pytest

from bot.access.grants import Effect, Right
from bot.sandbox.delivery import Ack
from tests.scenarios.conftest import OpenScene, on_both_databases
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, Scene

TEAM_GROUP = "S0QUALITY0"


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene(environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        yield scene


async def say(scene: Scene, text: str, user: str = BOSS) -> Ack:
    return await scene.people.command(user, CHANNEL, text, command="/callaudio-admin")


async def tags(scene: Scene) -> list[str]:
    return [event.tag for event in await scene.all_audit()]


@on_both_databases
async def test_a_grant_lets_the_person_hear_raw_and_a_revocation_ends_it(scene: Scene) -> None:
    granted = await say(scene, f"grant <@{ALICE}> pii for 8h call quality review")
    raw = await scene.ask()
    revoked = await say(scene, f"revoke <@{ALICE}> pii")
    redacted = await scene.ask(f"{CALL} user")

    assert f"<@{ALICE}> may hear raw recordings, until" in granted.text
    assert raw.delivery.outcome == "raw"
    assert revoked.text == "Revoked."
    assert (redacted.delivery.outcome, redacted.delivery.reason) == ("redacted", "not_cleared")
    assert {"admin:grant:added", "admin:grant:revoked"} <= set(await tags(scene))


@on_both_databases
async def test_a_deny_beats_a_grant(scene: Scene) -> None:
    await scene.grant()
    denied = await say(scene, f"deny <@{ALICE}> pii left the project")

    seen = await scene.ask()

    assert "may not hear raw recordings" in denied.text
    assert seen.delivery.reason == "not_cleared"


@pytest.mark.parametrize(
    "text", [f"grant <@{BOB}> pii please", f"deny <@{BOB}> pii x", f"revoke <@{BOB}> pii", "list"]
)
async def test_who_is_no_admin_is_refused_and_audited(scene: Scene, text: str) -> None:
    ack = await say(scene, text, user=ALICE)

    assert "Only admins of callaudio can do that." in ack.text
    assert await tags(scene) == ["slack:admin:refused"]


@on_both_databases
async def test_nobody_gives_themselves_pii(scene: Scene) -> None:
    ack = await say(scene, f"grant <@{BOSS}> pii I like it")

    assert "Nobody gives themselves" in ack.text
    assert await tags(scene) == []


@on_both_databases
async def test_nobody_gives_themselves_pii_through_a_group(scene: Scene) -> None:
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE, BOSS)
    scene.workspace.add_channel("C0BOSS0000", members=[BOSS])

    granted = await say(scene, f"grant <!subteam^{TEAM_GROUP}|@quality> pii the quality team")
    mine = await scene.ask(user=BOSS, channel="C0BOSS0000")
    hers = await scene.ask(scene.another_call())

    assert "For you it does not count" in granted.text
    assert (mine.delivery.outcome, mine.delivery.reason) == ("redacted", "not_cleared")
    assert hers.delivery.outcome == "raw"
    assert f"<@{BOSS}> holds `admin`" in (await say(scene, f"who <@{BOSS}>")).text


async def test_nobody_comes_to_pii_by_entering_a_group_they_gave_it_to(scene: Scene) -> None:
    await say(scene, f"grant <!subteam^{TEAM_GROUP}> pii the quality team")
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE, BOSS)
    scene.workspace.add_channel("C0BOSS0000", members=[BOSS])

    mine = await scene.ask(user=BOSS, channel="C0BOSS0000")

    assert (mine.delivery.outcome, mine.delivery.reason) == ("redacted", "not_cleared")


@pytest.mark.parametrize("verb", ["deny", "revoke"])
async def test_the_last_admin_cannot_be_removed(new_scene: OpenScene, verb: str) -> None:
    async with new_scene() as scene:
        await scene.grant(BOB, right=Right.ADMIN)

        reason = " because" if verb == "deny" else ""
        ack = await say(scene, f"{verb} <@{BOB}> admin{reason}", user=BOB)

        assert "That would leave no admin." in ack.text
        assert "Person" not in ack.text
        assert (await say(scene, "list", user=BOB)).text.startswith("• `admin`")


async def test_an_admin_can_be_removed_while_another_is_left(scene: Scene) -> None:
    await scene.grant(BOB, right=Right.ADMIN)

    assert (await say(scene, f"revoke <@{BOB}> admin", user=BOB)).text == "Revoked."
    assert "Only admins" in (await say(scene, "list", user=BOB)).text


@on_both_databases
async def test_who_tells_each_right_with_giver_reason_and_end(scene: Scene) -> None:
    await scene.grant(effect=Effect.DENY)
    await say(scene, f"grant <@{ALICE}> pii for 3d night shift")

    ack = await say(scene, f"who <@{ALICE}>")

    assert f"<@{ALICE}> holds no right." in ack.text
    assert f"*denied* `pii` <@{ALICE}>, without an end, by <@{BOSS}>: call quality" in ack.text
    assert f"by <@{BOSS}>: night shift" in ack.text


@on_both_databases
async def test_explain_tells_the_decision_and_every_fact_and_fetches_nothing(scene: Scene) -> None:
    await scene.grant()
    scene.workspace.join(CHANNEL, BOB)

    ack = await say(scene, f"explain {CALL} <@{ALICE}> <#{CHANNEL}|quality>")

    assert f"<@{ALICE}> in <#{CHANNEL}> would get *redacted*." in ack.text
    assert "reason: `audience`" in ack.text
    assert "the audience is: not_cleared" in ack.text
    assert scene.polyai.requests == []
    assert scene.workspace.messages(CHANNEL) == []


async def test_help_shows_what_the_person_may_do(scene: Scene) -> None:
    assert "grant @user" in (await say(scene, "help")).text
    assert "you are none" in (await say(scene, "", user=ALICE)).text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("grant", "I cannot read `grant`"),
        (f"grant <@{ALICE}> pii", "The reason is missing."),
        (f"grant <@{ALICE}> pii for 8x why", "is not a duration"),
        (f"grant <@{ALICE}> pii for", "After `for` comes a duration"),
        (f"deny <@{ALICE}> pii for 8h why", "A deny has no end"),
        (f"grant <@{ALICE}> everything why", "`everything` is no right"),
        ("grant @alice pii why", "I cannot tell who `@alice` is."),
        (f"who <!subteam^{TEAM_GROUP}|@quality>", "takes a person"),
        (f"explain {CALL} <@{ALICE}> #quality", "is no channel"),
        (f"revoke <@{BOB}> pii", "nothing to revoke"),
        ("rm -rf <!channel>", "I cannot read"),
    ],
)
async def test_what_cannot_be_read_is_told_with_what_to_do(
    scene: Scene, text: str, says: str
) -> None:
    ack = await say(scene, text)

    assert ack.status == 200
    assert says in ack.text
    assert "*What to do:*" in ack.text
    assert "<!channel>" not in ack.text
    assert ack.body["response_type"] == "ephemeral"


@on_both_databases
async def test_the_members_of_a_granted_group_hear_raw(scene: Scene) -> None:
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE,)
    await say(scene, f"grant <!subteam^{TEAM_GROUP}|@quality> pii the quality team")

    seen = await scene.ask()

    assert seen.delivery.outcome == "raw"
    assert "holds `pii`" in (await say(scene, f"who <@{ALICE}>")).text


@on_both_databases
async def test_leaving_a_group_counts_as_soon_as_slack_tells_of_it(scene: Scene) -> None:
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE,)
    await say(scene, f"grant <!subteam^{TEAM_GROUP}> pii the quality team")
    assert (await scene.ask()).delivery.outcome == "raw"

    scene.workspace.usergroups[TEAM_GROUP] = ()
    remembered = await scene.ask(f"{CALL} agent")
    event = {"type": "subteam_members_changed", "subteam_id": TEAM_GROUP, "team_id": "T0CALLAUDIO"}
    await scene.people.event(event)
    told = await scene.ask(f"{CALL} user")

    assert remembered.delivery.outcome == "raw"
    assert (told.delivery.outcome, told.delivery.reason) == ("redacted", "not_cleared")


async def test_a_group_that_cannot_be_read_gives_nothing(scene: Scene) -> None:
    await say(scene, f"grant <!subteam^{TEAM_GROUP}> pii the quality team")

    assert (await scene.ask()).delivery.reason == "not_cleared"


@on_both_databases
async def test_a_denied_group_beats_a_grant_by_name(scene: Scene) -> None:
    await scene.grant()
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE,)
    await say(scene, f"deny <!subteam^{TEAM_GROUP}> pii under review")

    assert (await scene.ask()).delivery.reason == "not_cleared"


async def test_while_a_denied_group_cannot_be_read_nobody_hears_raw(scene: Scene) -> None:
    await scene.grant()
    await say(scene, f"deny <!subteam^{TEAM_GROUP}> pii under review")

    assert (await scene.ask()).delivery.reason == "not_cleared"
