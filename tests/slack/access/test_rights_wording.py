"""What people read about their own rights."""

from dataclasses import replace
from datetime import timedelta

from bot.access.grants import Effect, Grant, Right, Subject, SubjectKind
from bot.access.person import Person
from bot.access.policy import Standing
from bot.slack.access import rights_wording
from tests.conftest import NOON
from tests.tables import each_row

BOSS, GROUP = "U0BOSS000", "S0QUALITY"
GRANT = Grant(
    id=1,
    subject=Subject("T0CALLAUDIO", SubjectKind.USER, "U0ALICE00"),
    right=Right.PII,
    effect=Effect.GRANT,
    given_by=BOSS,
    reason="call quality",
    starts_at=NOON,
    expires_at=None,
    revoked_by=None,
    revoked_at=None,
)
ENDING = replace(GRANT, expires_at=NOON + timedelta(hours=8))
GROUPS = replace(GRANT, subject=replace(GRANT.subject, kind=SubjectKind.GROUP, id=GROUP))
DENY = replace(GRANT, effect=Effect.DENY)


def person(*grants: Grant, held: set[Right]) -> Person:
    return Person(Standing.MEMBER, frozenset(held), grants)


@each_row(
    ("who", "said"),
    [
        (person(GRANT, held={Right.PII}), f"permanently, granted by <@{BOSS}>."),
        (person(ENDING, held={Right.PII}), "until <!date^1780516800^"),
        (person(GROUPS, held={Right.PII}), f"granted to <!subteam^{GROUP}> by <@{BOSS}>."),
        (person(replace(GRANT, given_by="cli:`ops`"), held={Right.PII}), "granted by `cli:ops`."),
        (person(held=set()), "You are not cleared"),
        (person(GRANT, DENY, held=set()), f"<@{BOSS}> denied it, and a deny beats"),
        (
            person(replace(GROUPS, effect=Effect.DENY), held=set()),
            f"denied it through <!subteam^{GROUP}>",
        ),
    ],
)
def test_each_right_to_hear_raw_has_its_sentence(who, said):
    assert said in rights_wording.clearance(who)


def test_an_admin_reads_that_they_are_one_and_others_do_not():
    first = person(held={Right.ADMIN})
    given = person(replace(ENDING, right=Right.ADMIN), held={Right.ADMIN})
    assert rights_wording.administration(first) == "You are an admin of callaudio."
    assert f"granted by <@{BOSS}>" in str(rights_wording.administration(given))
    assert rights_wording.administration(person(GRANT, held={Right.PII})) is None


def test_a_deny_of_a_group_that_cannot_be_read_is_not_said_to_be_the_persons():
    perhaps = replace(GROUPS, effect=Effect.DENY)
    who = replace(person(perhaps, held=set()), unread_groups=frozenset({GROUP}))
    said = rights_wording.clearance(who)
    assert f"<!subteam^{GROUP}>, and Slack does not say whether you are in that group" in said
    assert "beats every grant" not in said
    certain = rights_wording.clearance(replace(who, grants=(perhaps, DENY)))
    assert f"<@{BOSS}> denied it, and a deny beats" in certain
