"""A bot killed during a redaction check repeats it: nothing is shared unchecked."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

import pytest
from sqlalchemy import select

from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.store.tables import RedactionCheckRow
from tests.polling import until
from tests.scenarios.conftest import OpenStreet
from tests.scenarios.killed_bot import Street, at_once
from tests.scenarios.scene import ALICE, BOSS, BROKEN_OFF, CHANNEL, SHARE
from tests.scenarios.test_killed import BOTH, Moment, When, arm, faults_of
from tests.scenarios.test_redaction_checks import leaking

REQUESTED, CHECKED = "worker:redaction:raw_requested", "worker:redaction:checked"
# The first request for audio is the delivery's; its check makes one for raw, one for redacted.
MOMENTS: dict[str, tuple[Moment, Literal["before", "halfway"]]] = {
    "requesting the raw one": (Moment("audio", 2, polyai=True), "before"),
    "in the middle of the raw one": (Moment("audio", 2, polyai=True), "halfway"),
    "in the middle of the redacted one": (Moment("audio", 3, polyai=True), "halfway"),
}
FIRST, *_, LAST = MOMENTS
Opened = Callable[[str, str], AbstractAsyncContextManager[Street]]


@pytest.fixture
def opened(new_street: OpenStreet) -> Opened:
    """Open a street whose bots check redaction with this setting."""

    @asynccontextmanager
    async def street_of(name: str, how: str) -> AsyncIterator[Street]:
        async with new_street(name) as street:
            street.environment |= {"CALLAUDIO_CHECK_REDACTION": how, "CALLAUDIO_ADMINS": BOSS}
            yield street

    return street_of


def at_length_but(*usual: str) -> list[object]:
    """Return every moment; ``make test`` runs the usual ones only."""
    return [pytest.param(name, marks=[] if name in usual else pytest.mark.long) for name in MOMENTS]


async def kill_at(street: Street, name: str, *, asks: str, command: str = "/callaudio") -> None:
    """Make a request, kill the bot at the moment, and start it again."""
    moment, when = MOMENTS[name]
    faults = faults_of(street, moment)
    for _ in range(moment.nth - 1):
        faults.add(Fault(moment.route))
    faults.add(Fault(moment.route, when=when, hang=True))
    bot = await street.start()
    assert (await street.scene.people.command(ALICE, CHANNEL, asks, command=command)).arrived
    await faults.reached(moment.route, times=moment.nth)
    assert street.scene.workspace.called(SHARE) == []
    await bot.kill()
    faults.release(moment.route)
    await street.start()


async def outcomes(street: Street) -> list[str | None]:
    """Return the outcomes of the stored checks."""
    return await street.scene.stored(select(RedactionCheckRow.verdict))


@pytest.mark.parametrize("name", at_length_but(*MOMENTS.keys() - {FIRST}))
async def test_a_bot_killed_in_a_check_before_the_share_repeats_it_and_delivers_once(name, opened):
    async with opened("sound", "deliver") as street:
        scene = street.scene
        await kill_at(street, name, asks=scene.another_call())

        delivery = await scene.ended(await scene.latest())

        assert (delivery.state, delivery.outcome) == ("delivered", "redacted")
        (file,) = scene.every_visible_file()
        assert file.content == recordings.load("combined", redacted=True)
        assert (file.id, file.completed_times) == (delivery.file_id, 1)
        assert await outcomes(street) == ["proven"]
        told = await street.scene.tags()
        assert (told.count(REQUESTED), told.count(CHECKED)) == (2, 1)
        assert told.index(CHECKED) < told.index("worker:delivery:uploaded")
        assert told.count("worker:delivery:delivered") == 1
        assert scene.workspace.violations in ([], [BROKEN_OFF])


@pytest.mark.parametrize("name", at_length_but(LAST))
async def test_a_bot_killed_in_a_check_of_a_recording_that_differs_never_shares_it(name, opened):
    async with opened("leaking", "deliver") as street:
        scene = street.scene
        await kill_at(street, name, asks=scene.another_call(recording=leaking()))

        delivery = await scene.ended(await scene.latest())

        assert (delivery.state, delivery.error_code) == ("failed", "redaction_differs")
        assert scene.every_visible_file() == scene.every_visible_picture() == []
        assert scene.workspace.called(SHARE) == []
        assert await outcomes(street) == ["differs"]
        told = await street.scene.tags()
        assert (told.count(CHECKED), told.count("worker:delivery:failed")) == (1, 1)


async def test_a_bot_killed_between_check_and_share_has_one_outcome(opened):
    async def through(when: When) -> None:
        async with opened(when, "deliver") as street:
            scene, moment = street.scene, Moment(SHARE)
            arm(street, moment, when)
            bot = await street.start()
            await scene.people.command(ALICE, CHANNEL, scene.another_call())
            await scene.slack.faults.reached(SHARE)
            assert await outcomes(street) == ["proven"]
            await bot.kill()
            scene.slack.faults.release(SHARE)
            await street.start()

            delivery = await scene.ended(await scene.latest())
            assert delivery.state == "delivered"
            (file,) = scene.every_visible_file()
            assert (file.id, file.completed_times) == (delivery.file_id, 1)
            assert await outcomes(street) == ["proven"], "it is the very upload that was checked"

    await at_once(through, *BOTH)


async def test_a_bot_killed_in_a_check_by_an_admin_reports_one_outcome_once(opened):
    async with opened("asked", "off") as street:
        scene = street.scene
        call = scene.another_call(recording=leaking())
        scene.polyai.faults.add(Fault("audio", when="halfway", hang=True))
        bot = await street.start()
        await scene.rule(f"check {call}")
        await scene.polyai.faults.reached("audio")
        await bot.kill()
        scene.polyai.faults.release("audio")
        await street.start()

        told = await until(lambda: [m for m in scene.everything_posted() if call in m.text])

        assert ["It differs" in each.text for each in told] == [True]
        assert await outcomes(street) == ["differs"]
        assert (await street.scene.tags()).count(CHECKED) == 1
