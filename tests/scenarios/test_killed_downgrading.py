"""A bot killed while redacted replaces raw: in the end one redacted file is on one card.

At no moment is there more than one card, or more than one recording, or raw again.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from tests.polling import until
from tests.scenarios.conftest import OpenStreet
from tests.scenarios.killed_bot import Street, at_once
from tests.scenarios.scene import ALICE, BOB, BROKEN_OFF, CALL, CHANNEL
from tests.scenarios.test_downgrade import FOLLOWED, channel_is_shared, somebody_uncleared_joins
from tests.scenarios.test_killed import Moment, When, arm, faults_of
from tests.scenarios.test_killed_taking_back import delivered_raw

# Counted from the cause on, in the order of the calls.
TAKING_BACK = {
    "deleting the raw one": Moment("files.delete"),
    "deleting its picture": Moment("files.delete", 2),
    "showing the deletion on the card": Moment("chat.update"),
}
DELIVERING = {
    "fetching the redacted one": Moment("audio", polyai=True),
    "reading the call's facts": Moment("conversation", polyai=True),
    "requesting the upload URL": Moment("files.getUploadURLExternal"),
    "uploading": Moment("upload"),
    "requesting the upload URL of its picture": Moment("files.getUploadURLExternal", 2),
    "uploading its picture": Moment("upload", 2),
    "sharing": Moment("files.completeUploadExternal"),
    "putting the facts on the card": Moment("chat.update", 2),
}
MOMENTS = {**TAKING_BACK, **DELIVERING}
FEW = ("deleting the raw one", "showing the deletion on the card", "sharing")


CAUSES = {cause: happens for cause, (happens, _) in FOLLOWED.items()}
CAUSES["external"] = channel_is_shared  # the bot may post redacted recordings there


Case = tuple[str, Moment, When]


@pytest.fixture
def through(new_street: OpenStreet) -> Callable[[Case], Coroutine[Any, Any, None]]:
    """Take a raw recording back for this cause, kill the bot at this moment, and start it again."""

    async def killed(case: Case) -> None:
        cause, moment, when = case
        async with new_street(cause) as street:
            street.environment["CALLAUDIO_EXTERNAL_CHANNELS"] = CHANNEL
            bot = await street.start()
            file_id = await delivered_raw(street)
            arm(street, moment, when)
            await CAUSES[cause](street.scene, file_id)
            await faults_of(street, moment).reached(moment.route, times=moment.nth)
            assert_never_both(street)
            await bot.kill()
            faults_of(street, moment).release(moment.route)
            assert_never_both(street)

            await street.start()

            await assert_redacted_once(street, cause, file_id)

    return killed


@pytest.mark.parametrize("moment", FEW)
async def test_a_bot_killed_before_or_after_a_call_replaces_raw_once(moment, through):
    audience, right = ("audience", "before"), ("right_ended", "after")
    await at_once(through, *((cause, MOMENTS[moment], when) for cause, when in (audience, right)))


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_bot_killed_at_any_call_replaces_raw_for_each_cause(moment, cause, when, through):
    await through((cause, MOMENTS[moment], when))


async def test_a_bot_killed_after_deleting_raw_posts_redacted_even_if_raw_is_allowed_again(street):
    bot = await street.start()
    file_id = await delivered_raw(street)
    street.scene.slack.faults.add(Fault("files.delete", when="after", hang=True))
    await somebody_uncleared_joins(street.scene, file_id)
    await street.scene.slack.faults.reached("files.delete")
    await bot.kill()
    street.scene.slack.faults.release("files.delete")
    street.scene.workspace.leave(CHANNEL, BOB)

    await street.start()

    await assert_redacted_once(street, "audience", file_id)


async def test_a_bot_killed_after_a_failed_replacement_shows_the_failure_on_the_card(street):
    scene = street.scene
    bot = await street.start()
    file_id = await delivered_raw(street)
    scene.polyai.faults.add(Fault("audio", status=404))
    moment = MOMENTS["putting the facts on the card"]
    arm(street, moment, "before")
    await somebody_uncleared_joins(street.scene, file_id)
    await scene.slack.faults.reached(moment.route, times=moment.nth)
    await bot.kill()
    scene.slack.faults.release(moment.route)

    await street.start()

    await until(lambda: "Fetch redacted instead" in str(card_of(street)), every_seconds=0.05)
    assert scene.every_visible_file() == []
    assert [each.state for each in await scene.deliveries() if each.replaces_id] == ["failed"]


def card_of(street: Street) -> str:
    (card,) = [m for m in street.scene.workspace.messages(CHANNEL) if not m.thread_ts]
    return str(card)


def assert_never_both(street: Street) -> None:
    """Check that the card is visible, and at most one of the two recordings."""
    assert CALL in card_of(street)
    assert len({each.id for each in street.scene.every_visible_file()}) <= 1


async def assert_redacted_once(street: Street, cause: str, raw_file_id: str) -> None:
    scene = street.scene

    async def is_told() -> bool:
        assert_never_both(street)
        rows = [each for each in await scene.deliveries() if each.replaces_id]
        return bool(rows) and "in place of the unredacted one" in card_of(street)

    await until(is_told, every_seconds=0.05)
    (row,) = [each for each in await scene.deliveries() if each.replaces_id]
    row = await scene.ended(row.id)
    assert (row.state, row.outcome, row.user_id) == ("delivered", "redacted", ALICE)
    (file,) = scene.every_visible_file()
    assert file.content == recordings.load("combined", redacted=True)
    assert (file.id, file.completed_times, file.thread_ts) == (row.file_id, 1, row.parent_ts)
    shared = [each.id for each in scene.workspace.recordings if each.completed_times]
    assert shared == [raw_file_id, file.id]
    assert {p.id for p in scene.every_visible_picture()} <= {row.picture_file_id}
    assert len(await scene.deliveries()) == 2
    told = [(each.tag, each.payload.get("cause")) for each in await scene.all_audit()]
    assert told.count(("retention:file:taken_back", cause)) == 1
    assert [tag for tag, _ in told].count("retention:delivery:downgraded") == 1
    assert [tag for tag, _ in told].count("worker:delivery:delivered") == 2
    # Whoever may hear it, its card says the same afterwards.
    assert "in place of the unredacted one" in card_of(street)
    assert scene.workspace.violations in ([], [BROKEN_OFF])
