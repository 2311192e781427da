"""Who counts as an admin; which changes are refused: test_administration."""

from bot.access.last_admin import AdminFacts, Admins
from tests.access.builders import ALICE, BOB, CAROL
from tests.tables import each_row


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


def test_admins_who_do_not_count_are_left_out_with_and_without_an_expiry():
    admins = Admins(now=frozenset({ALICE, BOB, CAROL}), lasting=frozenset({BOB, CAROL}))
    assert admins.among({ALICE, BOB}.__contains__) == Admins(
        now=frozenset({ALICE, BOB}), lasting=frozenset({BOB})
    )
