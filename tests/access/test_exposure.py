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


def row(sentence: str, found: Exposure, **changes: object):
    return pytest.param({**FINE, **changes}, found, id=sentence)


@each_row(
    ("now", "found"),
    [
        row("every listener is cleared", Exposure.FINE),
        row("the requester's right ended", Exposure.RIGHT_ENDED, requester_is_cleared=False),
        row(
            "it is unknown whether the requester's right ended",
            Exposure.UNVERIFIED,
            requester_is_cleared=None,
        ),
        row(
            "an unknown right does not hide a shared channel",
            Exposure.EXTERNAL,
            requester_is_cleared=None,
            destination_is_external=True,
        ),
        row(
            "an unknown right does not hide an uncleared listener",
            Exposure.AUDIENCE,
            destination_is_external=None,
            destination_is_private=None,
            audience=Audience.NOT_CLEARED,
        ),
        row("the channel was shared", Exposure.EXTERNAL, destination_is_external=True),
        row(
            "it is unknown whether the channel is shared",
            Exposure.UNVERIFIED,
            destination_is_external=None,
        ),
        row("the channel was made public", Exposure.PUBLIC, destination_is_private=False),
        row(
            "in a public channel the audience may be unknown",
            Exposure.PUBLIC,
            destination_is_private=False,
            audience=Audience.UNKNOWN,
        ),
        row(
            "it is unknown whether the channel is private",
            Exposure.UNVERIFIED,
            destination_is_private=None,
        ),
        row("a person who is not cleared joined", Exposure.AUDIENCE, audience=Audience.NOT_CLEARED),
        row("the audience became too large", Exposure.AUDIENCE, audience=Audience.TOO_LARGE),
        row("the audience is unknown", Exposure.UNVERIFIED, audience=Audience.UNKNOWN),
        row(
            "under the requester rule the audience does not count",
            Exposure.FINE,
            audience=Audience.NOT_CLEARED,
            audience_must_be_cleared=False,
        ),
        row(
            "under the requester rule a public channel does not count",
            Exposure.FINE,
            destination_is_private=False,
            audience_must_be_cleared=False,
        ),
        row(
            "under the requester rule a shared channel counts",
            Exposure.EXTERNAL,
            destination_is_external=True,
            audience_must_be_cleared=False,
        ),
    ],
)
def test_the_facts_decide_whether_a_visible_raw_file_stays(now, found):
    assert exposure_of(**now) is found


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
