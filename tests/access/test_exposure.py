"""Whether a visible raw file may stay: a sentence a row, and every combination of facts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.exposure import Exposure, exposure_of
from bot.access.policy import Audience
from tests.tables import each_row

FINE = {
    "requester_is_cleared": True,
    "destination_is_external": False,
    "destination_is_private": True,
    "audience_must_be_cleared": True,
    "audience": Audience.CLEARED,
}


CASES = {
    Exposure.FINE: {
        "every listener is cleared": {},
        "under the requester rule the audience does not count": {
            "audience": Audience.NOT_CLEARED,
            "audience_must_be_cleared": False,
        },
        "under the requester rule a public channel does not count": {
            "destination_is_private": False,
            "audience_must_be_cleared": False,
        },
    },
    Exposure.RIGHT_ENDED: {"the requester's right ended": {"requester_is_cleared": False}},
    Exposure.EXTERNAL: {
        "the channel was shared": {"destination_is_external": True},
        "an unknown right does not hide a shared channel": {
            "requester_is_cleared": None,
            "destination_is_external": True,
        },
        "under the requester rule a shared channel counts": {
            "destination_is_external": True,
            "audience_must_be_cleared": False,
        },
    },
    Exposure.PUBLIC: {
        "the channel was made public": {"destination_is_private": False},
        "in a public channel the audience may be unknown": {
            "destination_is_private": False,
            "audience": Audience.UNKNOWN,
        },
    },
    Exposure.AUDIENCE: {
        "a person who is not cleared joined": {"audience": Audience.NOT_CLEARED},
        "the audience became too large": {"audience": Audience.TOO_LARGE},
        "unknown flags do not hide an uncleared listener": {
            "destination_is_external": None,
            "destination_is_private": None,
            "audience": Audience.NOT_CLEARED,
        },
    },
    Exposure.UNVERIFIED: {
        "whether the requester's right ended": {"requester_is_cleared": None},
        "whether the channel is shared": {"destination_is_external": None},
        "whether the channel is private": {"destination_is_private": None},
        "whether the listeners are cleared": {"audience": Audience.UNKNOWN},
    },
}


@each_row(
    ("changes", "found"),
    [
        pytest.param(changes, found, id=sentence)
        for found, cases in CASES.items()
        for sentence, changes in cases.items()
    ],
)
def test_the_facts_decide_whether_a_visible_raw_file_stays(changes, found):
    assert exposure_of(**{**FINE, **changes}) is found


FLAGS = st.sampled_from([True, False, None])


@given(
    requester_is_cleared=FLAGS,
    destination_is_external=FLAGS,
    destination_is_private=FLAGS,
    audience_must_be_cleared=st.booleans(),
    audience=st.sampled_from(Audience),
)
def test_a_file_is_fine_only_among_cleared_listeners_of_one_organisation(**now):
    among_the_cleared = (
        now["audience"] is Audience.CLEARED and now["destination_is_private"] is True
    )
    holds = (
        now["requester_is_cleared"] is True
        and now["destination_is_external"] is False
        and (among_the_cleared or not now["audience_must_be_cleared"])
    )

    assert (exposure_of(**now) is Exposure.FINE) is holds
