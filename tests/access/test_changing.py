"""Changes of rights where the bot runs; those from Slack: test_administration."""

from bot.access.changing import RightsChanges
from bot.access.grants import Right
from bot.access.last_admin import AdminFacts
from tests.access.builders import ALICE, deny, subject
from tests.conftest import NOON


async def test_an_operator_lifts_any_deny(sqlite_store):
    await deny(sqlite_store, ALICE)
    changes = RightsChanges(database=sqlite_store, clock=lambda: NOON)
    nobody = AdminFacts(frozenset(), None)
    assert await changes.revoke(subject(ALICE), Right.PII, by="cli:ops", facts=nobody) == 1
