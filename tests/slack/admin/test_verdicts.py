"""The first line of `explain`: the outcome and the fact that decided."""

from dataclasses import replace

import pytest

from bot.access.policy import Audience, RightHeld, Standing, decide
from bot.access.policy_evaluation import Evaluation
from bot.slack.admin.verdicts import verdict
from tests.access.builders import EVERYTHING_SPEAKS_FOR_RAW as RAW
from tests.tables import each_row

ALONE = {"audience_must_be_cleared": False}
CLEARED = "cleared to hear unredacted recordings"
SHARED = "<#C1> is, or is about to be, shared with another organisation"


@each_row(
    ("says", "changes"),
    {
        "*Unredacted* because everyone in <#C1> is cleared.": {},
        "*Unredacted* because <@U1> is cleared, and who else is in <#C1> does not count.": ALONE,
        "*Nothing* because <@U1> is a guest without a grant by name.": {
            "standing": Standing.GUEST,
            "held": RightHeld.BY_GROUP,
        },
        "*Nothing* because <@U1> belongs to another organisation.": {"standing": Standing.EXTERNAL},
        "*Nothing* because Slack did not say who <@U1> is.": {"standing": Standing.UNKNOWN},
        "*Nothing* because <@U1> is not in <#C1>.": {"requester_in_destination": False},
        "*Nothing* because Slack did not say whether <@U1> is in <#C1>.": {
            "requester_in_destination": None
        },
        f"*Nothing* because {SHARED}.": {"destination_is_external": True},
        f"*Redacted* because {SHARED}.": {
            "destination_is_external": True,
            "destination_is_allow_listed": True,
        },
        "*Nothing* because Slack did not say whether <#C1> is shared with others.": {
            "destination_is_external": None
        },
        f"*Redacted* because <@U1> in <#C1> is not {CLEARED}.": {"held": RightHeld.NOT},
        "*Redacted* because this agent has no key for unredacted recordings.": {
            "has_raw_key": False
        },
        f"*Redacted* because not everyone in <#C1> is {CLEARED}.": {
            "audience": Audience.NOT_CLEARED
        },
        "*Redacted* because more people are in <#C1> than `CALLAUDIO_MAX_AUDIENCE` allows.": {
            "audience": Audience.TOO_LARGE
        },
        "*Redacted* because Slack did not say who is in <#C1>.": {"audience": Audience.UNKNOWN},
        "*Redacted* because <#C1> is a public channel.": {"destination_is_private": False},
        "*Redacted* because Slack did not say whether <#C1> is private.": {
            "destination_is_private": None
        },
        "*Redacted* because that was asked for.": {"asked_redacted": True},
    }.items(),
)
def test_the_fact_that_decided_is_named(says, changes):
    facts = replace(RAW, **changes)
    assert verdict("U1", "C1", Evaluation(decide(facts), facts)) == says


@pytest.mark.parametrize(
    ("not_cleared", "says"),
    [
        (["U2"], "<@U2> in <#C1> is not cleared"),
        (["U2", "U3"], "<@U2> and <@U3> in <#C1> are not cleared"),
        (["U2", "U3", "U4"], "<@U2>, <@U3> and <@U4> in <#C1> are not cleared"),
    ],
)
def test_listeners_who_are_not_cleared_are_named(not_cleared, says):
    facts = replace(RAW, audience=Audience.NOT_CLEARED)
    told = verdict("U1", "C1", Evaluation(decide(facts), facts), not_cleared)
    assert told == f"*Redacted* because {says} to hear unredacted recordings."
