"""App Home: the person's rights and recordings, the admins' part, and its updates."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.access.grants import Effect, Right
from bot.home.home_store import key_of
from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.sandbox.faults import Fault
from bot.slack.identifiers import Action, Input
from bot.store.due_work_kinds import DueWorkKind
from tests.conftest import NOON
from tests.polling import until
from tests.recordings.deliveries.rows import delivery_row
from tests.scenarios.conftest import WATCHFUL, OpenScene
from tests.scenarios.scene import ALICE, BOB, BOSS, CHANNEL, Scene
from tests.tables import each_row

CHIEF = "U0CHIEF00"
ADMINS = {"CALLAUDIO_ADMINS": f"{BOSS},{CHIEF}"}
OFTEN = replace(WATCHFUL, home_check_every=timedelta(seconds=0.2))
GROUP = "S0LISTEN00"
MINUTE = timedelta(minutes=1)
WHY = "Customer +44 20 7946 0000 <!channel> complains"


pytestmark = pytest.mark.watchful


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene(environment=ADMINS, timings=OFTEN) as scene:
        scene.workspace.add_user(CHIEF)
        yield scene
        assert scene.workspace.violations == []


def text_of(scene: Scene, user: str) -> str:
    home = scene.workspace.homes.get(user)
    return str(home.body["blocks"]) if home else ""


async def shows(scene: Scene, user: str, words: str) -> str:
    await until(lambda: words in text_of(scene, user))
    home = scene.workspace.homes[user]
    assert problems(home.body["blocks"], "home") == []
    assert len(home.body["blocks"]) <= 100
    return text_of(scene, user)


async def opened(scene: Scene, user: str = ALICE, words: str = "What you may hear") -> str:
    ack = await scene.people.home_opened(user)
    assert ack.arrived
    return await shows(scene, user, words)


def buttons(scene: Scene, user: str) -> dict[str, Mapping[str, Any]]:
    return {
        element["text"]["text"]: element
        for block in scene.workspace.homes[user].body["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


async def press(scene: Scene, label: str, *, drawn_for: str, user: str | None = None) -> Ack:
    button = buttons(scene, drawn_for)[label]
    return await scene.people.block_action(
        user or drawn_for,
        None,
        "",
        button["action_id"],
        button["value"],
        view_id=scene.workspace.homes[drawn_for].id,
    )


async def ask_for_access(scene: Scene) -> None:
    """Alice requests to hear unredacted recordings for four hours."""
    seen = await scene.ask()
    (button,) = seen.buttons
    before = set(scene.workspace.views)
    await scene.use(button, seen.note)
    (view_id,) = set(scene.workspace.views) - before
    await scene.people.view_submission(
        ALICE,
        view_id,
        {
            Input.REASON: {Input.REASON: {"value": WHY}},
            Input.HOURS: {Input.HOURS: {"selected_option": {"value": "4"}}},
        },
    )


# ---- the content


async def test_opening_the_home_is_acknowledged_at_once_and_a_worker_publishes_it(scene):
    scene.slack.faults.add(Fault("views.publish", delay_seconds=0.5))
    ack = await scene.people.home_opened(ALICE)
    assert ack.arrived
    assert text_of(scene, ALICE) == ""
    await shows(scene, ALICE, "What you may hear")


async def test_the_home_shows_the_right_its_end_and_its_giver(scene):
    await scene.grant(lasting=timedelta(hours=8))
    text = await opened(scene)
    assert "You may hear unredacted recordings until <!date^" in text
    assert f"granted by <@{BOSS}>" in text
    assert "every listener is cleared" in text
    assert "Get call audio" in text
    assert "admin" not in text.lower().replace("`/callaudio", "")


async def test_without_a_right_the_home_says_how_to_ask(scene):
    text = await opened(scene)
    assert "You are not cleared" in text
    assert "Request access" in text
    assert "Your first recording" in text


async def test_the_last_recordings_are_listed_with_state_and_link(scene):
    delivered = await scene.ask()
    scene.polyai.faults.add(Fault("audio", status=410))
    failed = await scene.ask(scene.another_call())

    text = await opened(scene, words=failed.delivery.id)

    channel = f"https://sandbox.slack.com/archives/{CHANNEL}"
    share = delivered.delivery.share_ts.replace(".", "")
    parent = delivered.delivery.parent_ts
    assert f"<{channel}/p{share}?thread_ts={parent}&amp;cid={CHANNEL}|Open in Slack>" in text
    assert "*redacted*" in text
    assert "failed (`recording_gone`)" in text
    assert text.index(failed.delivery.id) < text.index(delivered.delivery.id)
    assert [call for call in scene.workspace.calls if call.method == "chat.getPermalink"] == []


async def test_the_home_lists_twenty_recordings_and_only_the_persons_own(scene):
    scene.workspace.join(CHANNEL, BOB)
    others = await scene.ask(scene.another_call(), user=BOB)
    asked = [f"CA{number:032x}" for number in range(100, 121)]
    mine = {"team_id": scene.workspace.team_id, "user_id": ALICE}
    rows = [
        delivery_row(
            call, CHANNEL, conversation_id=call, requested_at=NOON + number * MINUTE, **mine
        )
        for number, call in enumerate(asked)
    ]
    async with scene.database.write() as session:
        session.add_all(rows)

    text = await opened(scene, words=f"`{asked[-1]}`")

    assert sum(call in text for call in asked) == 20
    assert others.delivery.conversation_id not in text


async def test_an_admin_sees_pending_requests_and_ending_grants(scene):
    await ask_for_access(scene)
    await scene.grant(BOB, lasting=timedelta(days=3))
    await scene.grant(CHIEF, lasting=timedelta(days=30))

    text = await opened(scene, BOSS, words="You are an admin of callaudio")

    assert f"<@{ALICE}> asks to hear unredacted recordings for *4 hours*" in text
    assert f"`pii` for <@{BOB}>, until <!date^" in text
    assert f"`pii` for <@{CHIEF}>" not in text
    assert list(buttons(scene, BOSS)) == ["Approve", "Deny", "Find a call", "Add a digest"]
    assert "complains" in text, "the reason stands beside the buttons"


async def test_an_admin_gets_no_buttons_on_their_own_request(scene):
    await ask_for_access(scene)
    await scene.grant(ALICE, right=Right.ADMIN)
    text = await opened(scene, words="You are an admin")
    assert "Nobody can decide on their own request." in text
    assert buttons(scene, ALICE).keys() == {"Find a call", "Add a digest"}


# ---- who sees the admins' part


@pytest.mark.parametrize(
    "who",
    [
        pytest.param({"team_id": "T0ELSEWHERE", "is_stranger": True}, id="an external user"),
        pytest.param({"is_restricted": True}, id="a guest"),
        pytest.param({"omit": {"is_restricted"}}, id="a person with missing flags"),
    ],
)
async def test_the_admins_part_is_hidden_from_others(scene, who):
    scene.workspace.add_user(BOB, **who)
    scene.workspace.usergroups[GROUP] = (BOB,)
    await ask_for_access(scene)
    await scene.grant(GROUP, right=Right.ADMIN)

    text = await opened(scene, BOB, words="for members of this workspace")

    assert "admin of callaudio." not in text
    assert ALICE not in text
    assert buttons(scene, BOB) == {}


async def test_opening_another_tab_publishes_nothing(scene):
    await scene.people.event(
        {"type": "app_home_opened", "user": ALICE, "channel": "D0ALICE00", "tab": "messages"}
    )
    await opened(scene, BOB)
    await scene.rest()
    assert ALICE not in scene.workspace.homes


# ---- the admins' buttons


async def test_approving_in_the_home_gives_the_right_and_removes_the_buttons(scene):
    await ask_for_access(scene)
    await opened(scene, BOSS)
    await opened(scene, CHIEF)

    ack = await press(scene, "Approve", drawn_for=BOSS)

    assert (ack.arrived, ack.text) == (True, "")
    for admin in (BOSS, CHIEF):
        await shows(scene, admin, "No request for access is waiting.")
        assert buttons(scene, admin).keys() == {"Find a call", "Add a digest"}
    assert "admin:access:approved" in await scene.tags()
    # This grant is also listed among those that end within a week.
    assert f"`pii` for <@{ALICE}>" in text_of(scene, BOSS)


async def test_a_person_who_may_not_decide_is_refused_in_a_modal_and_audited(scene):
    await ask_for_access(scene)
    await opened(scene, BOSS)
    member, guest, external = BOB, "U0GUEST00", "U0EXTERNAL"
    scene.workspace.add_user(guest, is_restricted=True)
    scene.workspace.usergroups[GROUP] = (guest,)
    await scene.grant(GROUP, right=Right.ADMIN)
    scene.workspace.add_user(external, is_stranger=True)
    # The button is still visible to an admin no more, because the Home cannot be published now.
    scene.slack.faults.add(Fault("views.publish", status=500, times=500))
    await scene.grant(BOSS, right=Right.ADMIN, effect=Effect.DENY)

    for presser in (member, guest, external, BOSS):
        ack = await press(scene, "Approve", drawn_for=BOSS, user=presser)

        assert ack.arrived
        view = list(scene.workspace.views.values())[-1]
        assert view.user == presser
        assert "Only admins of callaudio can do that." in str(view.body["blocks"])
        assert "Reference" in str(view.body["blocks"])
        refused = (await scene.events("slack:admin:refused"))[-1]
        assert (refused.actor_id, refused.team_id) == (presser, scene.workspace.team_id)
        assert refused.payload["action"] == "approve_access"
    assert len(await scene.events("slack:admin:refused")) == 4
    assert "admin:access:approved" not in await scene.tags()


async def test_a_request_decided_meanwhile_is_reported(scene):
    await ask_for_access(scene)
    await opened(scene, BOSS)
    drawn = buttons(scene, BOSS)["Approve"]
    home_id = scene.workspace.homes[BOSS].id
    for _ in range(2):
        await scene.people.block_action(
            BOSS, None, "", drawn["action_id"], drawn["value"], view_id=home_id
        )
    assert drawn["action_id"] == Action.APPROVE_ACCESS
    view = list(scene.workspace.views.values())[-1]
    assert f"<@{BOSS}> has already approved that request." in str(view.body["blocks"])


# ---- the person's own request


async def test_the_persons_request_is_shown_until_it_is_approved(scene):
    await ask_for_access(scene)
    text = await opened(scene, words="You requested to hear unredacted recordings for *4 hours*")
    assert text.count("<!date^") >= 2
    for words in ("7946", "<!channel>", "complains", "Waiting for an admin"):
        assert words not in text

    assert "You requested" not in await opened(scene, BOSS), "it is another person's"
    await press(scene, "Approve", drawn_for=BOSS)

    assert "You requested" not in await shows(
        scene, ALICE, "You may hear unredacted recordings until"
    )


# ---- removed when a right ends


async def test_an_ended_right_disappears(scene):
    """Every end of a request is a row of tests/home/."""

    async def expires() -> None:
        await scene.let_grants_expire()

    async def is_revoked() -> None:
        assert (await scene.rule(f"revoke <@{ALICE}> pii")).text == "Revoked."

    async def is_denied() -> None:
        await scene.grant(effect=Effect.DENY)

    for end, words in (
        (expires, "You are not cleared"),
        (is_revoked, "You are not cleared"),
        (is_denied, f"<@{BOSS}> denied it"),
    ):
        await scene.grant(lasting=timedelta(hours=1))
        await opened(scene, words="You may hear unredacted recordings")
        await end()
        assert "You may hear" not in await shows(scene, ALICE, words)


async def test_a_right_that_ended_with_a_group_disappears(scene):
    scene.workspace.usergroups[GROUP] = (ALICE,)
    await scene.grant(GROUP, right=Right.PII)
    text = await opened(scene, words="You may hear unredacted recordings")
    assert f"granted to <!subteam^{GROUP}> by <@{BOSS}>" in text

    scene.workspace.usergroups[GROUP] = (BOB,)
    await scene.people.event(
        {"type": "subteam_members_changed", "subteam_id": GROUP, "team_id": scene.workspace.team_id}
    )
    await shows(scene, ALICE, "You are not cleared")


async def test_the_admins_part_disappears_with_the_right(scene):
    await ask_for_access(scene)
    await scene.grant(BOB, right=Right.ADMIN)
    assert ALICE in await opened(scene, BOB, words="You are an admin")

    await scene.rule(f"revoke <@{BOB}> admin")

    await until(lambda: "You are an admin" not in text_of(scene, BOB))
    assert ALICE not in text_of(scene, BOB)
    assert list(buttons(scene, BOB)) == ["Find a call"]


async def test_a_home_that_slack_refuses_for_a_while_is_published_later(scene):
    await scene.grant()
    await opened(scene, words="You may hear unredacted recordings")
    scene.slack.faults.add(Fault("views.publish", status=500, times=2))
    await scene.rule(f"revoke <@{ALICE}> pii")
    await scene.slack.faults.reached("views.publish", times=2)
    await shows(scene, ALICE, "You are not cleared")


# ---- updates of the Home


async def test_a_home_that_is_current_is_not_published_again(scene):
    await scene.grant()
    await opened(scene, words="You may hear unredacted recordings")
    await home_was_checked(scene)  # it may still be the publishing that is stored
    before = len(scene.workspace.called("views.publish"))

    await home_was_checked(scene)

    assert len(scene.workspace.called("views.publish")) == before


async def home_was_checked(scene: Scene) -> None:
    """Wait until Alice's Home is due at another time."""
    was_due_at = await due_home(scene)

    async def is_due_later() -> bool:
        return await due_home(scene) != was_due_at

    await until(is_due_later, every_seconds=0.05)


async def test_a_home_without_a_right_is_not_updated_until_it_is_opened(scene):
    async def is_left_alone() -> bool:
        return await due_home(scene) is None

    await opened(scene)
    await until(is_left_alone)
    await scene.grant()
    await opened(scene, words="You may hear unredacted recordings")


async def test_a_home_whose_hash_slack_does_not_know_is_published_without_it(scene):
    await scene.grant()
    await opened(scene, words="You may hear unredacted recordings")
    home = scene.workspace.homes[ALICE]
    scene.workspace.homes[ALICE] = replace(home, hash="published.by.another")

    await scene.rule(f"revoke <@{ALICE}> pii")

    await shows(scene, ALICE, "You are not cleared")
    statuses = [call.status for call in scene.workspace.called("views.publish")]
    assert statuses.count("hash_conflict") == 1


# ---- Socket Mode, and help


async def test_the_home_works_over_socket_mode(new_scene):
    async with new_scene(over_socket=True, environment=ADMINS) as scene:
        await ask_for_access(scene)
        await opened(scene, BOSS)
        await press(scene, "Approve", drawn_for=BOSS)
        await shows(scene, BOSS, "No request for access is waiting.")
        refused = await scene.people.block_action(
            BOB, None, "", Action.DENY_ACCESS, "a0", view_id=scene.workspace.homes[BOSS].id
        )
        assert refused.arrived
        assert "That request does not exist" in str(list(scene.workspace.views.values())[-1].body)


async def test_help_is_given_to_requesters(scene):
    await scene.grant(lasting=timedelta(hours=8))
    mine = (await scene.people.command(ALICE, CHANNEL, "help")).text
    assert "You may hear unredacted recordings until <!date^" in mine
    assert "/callaudio-admin" not in mine
    assert "Get call audio" in mine

    boss = (await scene.people.command(BOSS, CHANNEL, "help")).text
    assert "You are not cleared" in boss
    assert "`/callaudio-admin help`" in boss
    for said in (mine, boss):
        assert "*Find a call*" in said


@each_row(
    ("person", "who", "in_group"),
    [
        ("U0GUEST01", {"is_restricted": True}, False),
        ("U0GUEST02", {"is_restricted": True}, True),
        ("U0STRANGE1", {"is_stranger": True}, False),
        ("U0STRANGE2", {"is_stranger": True}, True),
    ],
)
async def test_help_offers_no_recordings_to_people_who_may_not_request_them(
    scene, person, who, in_group
):
    scene.workspace.add_user(person, **who)
    if in_group:
        scene.workspace.usergroups[GROUP] = (person,)
        await scene.grant(GROUP, right=Right.PII)
        await scene.grant(GROUP, right=Right.ADMIN)
    told = (await scene.people.command(person, CHANNEL, "help")).text
    assert told.startswith("callaudio is for members of this workspace, and for guests")
    for word in ("raw", "Request access", "/callaudio"):
        assert word not in told


async def test_the_home_and_help_show_the_rights_that_count_for_a_guest(scene):
    scene.workspace.add_user(BOB, is_restricted=True)
    scene.workspace.usergroups[GROUP] = (BOB,)
    await scene.grant(GROUP, right=Right.ADMIN)
    await scene.grant(BOB)
    told = (await scene.people.command(BOB, CHANNEL, "help")).text
    for text in (told, await opened(scene, BOB)):
        assert "You may hear unredacted recordings" in text
        assert "/callaudio-admin" not in text


async def due_home(scene: Scene) -> datetime | None:
    """Return when Alice's Home is published next; None: when it is opened."""
    key = key_of(scene.workspace.team_id, ALICE)
    due = await scene.due(DueWorkKind.PUBLISH_HOME, key)
    return due.due_at if due else None
