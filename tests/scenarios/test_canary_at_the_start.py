"""Each start checks the canary: a plain key that returns raw by then freezes deliveries."""

from dataclasses import replace

from bot.cli.stage import AGENT_ID, PLAIN_KEY
from bot.recordings.redaction.canary_store import CanaryState, CanaryStore
from bot.sandbox.polyai_calls import Recording
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.killed_bot import Street
from tests.scenarios.scene import ALICE, CHANNEL
from tests.scenarios.test_canary import AGREED, CANARY_CALL


async def looked(street: Street, verdict: str) -> CanaryState:
    """Wait for the finding of the bot's own check."""
    store = CanaryStore(database=street.scene.stage.application.database, clock=utc_now)

    async def found() -> CanaryState | None:
        states = await store.read()
        return states[0] if states and states[0].verdict == verdict else None

    return await until(found, every_seconds=0.05)


async def test_a_start_freezes_deliveries_even_shortly_after_the_last_check(street):
    street.environment |= AGREED
    scene = street.scene
    scene.polyai.add_call(CANARY_CALL, agent_id=AGENT_ID, recording=Recording.speech())
    bot = await street.start()
    assert (await looked(street, "held")).frozen_at is None
    await bot.kill()
    scene.polyai.keys[PLAIN_KEY] = replace(scene.polyai.keys[PLAIN_KEY], pii=True)

    await street.start()

    assert (await looked(street, "broken")).frozen_at
    await scene.people.command(ALICE, CHANNEL, scene.another_call())
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.error_code) == ("failed", "deliveries_frozen")
    assert scene.every_visible_file() == []
