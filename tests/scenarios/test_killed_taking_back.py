"""A bot killed while it takes a raw recording back completes that after its next start."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from bot.sandbox.faults import Fault
from bot.sandbox.objects import Message
from bot.store.tables import DueWorkRow
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.conftest import OpenStreet
from tests.scenarios.killed_bot import Bot, Street, at_once
from tests.scenarios.scene import ALICE, CALL, CHANNEL
from tests.scenarios.test_downgrade import OPEN, Happens, is_passed_on, right_ends
from tests.scenarios.test_killed import Moment, When, in_turn


@in_turn({route: Moment(route) for route in ("conversations.info", "files.delete", "chat.update")})
async def test_a_bot_killed_before_or_after_a_call_takes_the_file_back_and_says_so(
    moment, whens, new_street
):
    await at_once(killed(new_street, moment, right_ends), *whens)


@in_turn({route: Moment(route) for route in ("files.info", "files.delete")})
async def test_a_bot_killed_while_taking_a_forwarded_file_back_says_so(moment, whens, new_street):
    await at_once(killed(new_street, moment, is_passed_on, passed_on_to=[OPEN]), *whens)


def killed(
    new_street: OpenStreet, moment: Moment, happens: Happens, passed_on_to: Sequence[str] = ()
) -> Callable[[When], Coroutine[Any, Any, None]]:
    """Let this happen to a raw file, kill the bot at the moment, and start it again."""

    async def through(when: When) -> None:
        async with new_street(when) as street:
            bot = await raw_alone(street)
            file_id = await delivered_raw(street)
            scene = street.scene
            scene.slack.faults.add(Fault(moment.route, when=when, hang=True))
            await happens(scene, file_id)
            await scene.slack.faults.reached(moment.route)
            await bot.kill()
            scene.slack.faults.release(moment.route)

            await street.start()

            await assert_taken_back_once(street)
            assert scene.every_visible_file() == []
            found = await scene.events("retention:file:passed_on")
            assert [each.payload["channel_id"] for each in found] == [*passed_on_to]

    return through


async def test_checks_that_a_fast_clock_postponed_are_made_after_the_next_start(street):
    bot = await raw_alone(street)
    await delivered_raw(street)
    await bot.kill()
    async with street.scene.database.write() as session:
        later = utc_now() + timedelta(days=1)
        await session.execute(update(DueWorkRow).values(due_at=later))
    await street.scene.let_grants_expire()

    await street.start()

    await assert_taken_back_once(street)


async def raw_alone(street: Street) -> Bot:
    """Start a bot with downgrading switched off."""
    street.environment["CALLAUDIO_DOWNGRADE"] = "off"
    return await street.start()


async def delivered_raw(street: Street) -> str:
    scene = street.scene
    await scene.grant()
    assert (await scene.people.command(ALICE, CHANNEL, CALL)).arrived
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.outcome) == ("delivered", "raw")
    return str(delivery.file_id)


async def assert_taken_back_once(street: Street) -> None:
    scene = street.scene
    await until(lambda: "no longer be heard" in parent_of(street).text, every_seconds=0.05)
    assert scene.workspace.visible_files(CHANNEL) == []
    events = await scene.events("retention:file:taken_back")
    assert len(events) == 1
    assert scene.workspace.violations == []


def parent_of(street: Street) -> Message:
    (parent,) = [m for m in street.scene.workspace.messages(CHANNEL) if not m.thread_ts]
    return parent
