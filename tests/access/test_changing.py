"""Changes where the bot runs, and who counts as an admin; those from Slack: test_administration."""

from bot.access.changing import AdminFacts, RightsChanges
from bot.access.grants import Right
from tests.access.builders import ALICE, BOB, deny, subject
from tests.conftest import NOON
from tests.tables import each_row


async def test_an_operator_lifts_any_deny(sqlite_store):
    async def not_read(_):
        raise AssertionError("a deny of `pii` needs no facts about admins")

    await deny(sqlite_store, ALICE)
    changes = RightsChanges(database=sqlite_store, clock=lambda: NOON, read_admin_facts=not_read)
    assert await changes.revoke(subject(ALICE), Right.PII, by="cli:ops") == 1


@each_row(
    ("standings", "may_be", "is_certain"),
    [
        (None, True, True),
        ({ALICE: True}, True, True),
        ({ALICE: False}, False, False),
        ({ALICE: None}, True, False),
        ({BOB: True}, True, False),
    ],
    ids=["no standings are read", "it counts", "it does not count", "unknown", "not read"],
)
def test_an_unknown_standing_makes_a_possible_admin_and_no_certain_one(
    standings, may_be, is_certain
):
    facts = AdminFacts(frozenset(), {}, standings)
    assert (facts.may_be(ALICE), facts.is_certain(ALICE)) == (may_be, is_certain)
