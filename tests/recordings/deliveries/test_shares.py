"""Where the files of a delivery are shared, besides their destination."""

import pytest

from bot.recordings.deliveries.shares import MOST_PLACES, FileShares, SharedIn, elsewhere
from tests.tables import each_row

OWN, OTHER, DM = "C0OWN00000", "C0OTHER000", "D0DIRECT00"
AT_HOME = FileShares((SharedIn(OWN, "1.0"),))


def ids(found: FileShares) -> list[str]:
    return [each.channel_id for each in found.places]


@each_row(
    ("shares", "told", "places"),
    [
        pytest.param([AT_HOME], (), [], id="it is where it was delivered to"),
        pytest.param([], (), [], id="it is deleted"),
        pytest.param(
            [FileShares((SharedIn(OTHER), *AT_HOME.places))], (), [OTHER], id="it was passed on"
        ),
        pytest.param(
            [AT_HOME, FileShares((SharedIn(OTHER),))], (), [OTHER], id="its picture was passed on"
        ),
        pytest.param([AT_HOME], (DM, OWN), [DM], id="reported only by an event"),
        pytest.param(
            [FileShares((SharedIn(OTHER),))],
            (OTHER,),
            [OTHER],
            id="reported by an event and by the list",
        ),
    ],
)
def test_every_conversation_except_the_destination_is_listed(shares, told, places):
    assert ids(elsewhere(shares, told, OWN)) == places


def test_the_person_who_forwarded_the_file_is_kept_if_slack_names_them():
    shares = [FileShares((SharedIn(OTHER, "2.0", "U0ALICE"),))]
    (place,) = elsewhere(shares, (OTHER,), OWN).places
    assert place.shared_by == "U0ALICE"


@each_row(
    ("links", "has_link"),
    [
        ((False, False), False),
        ((False, True), True),
        ((None, True), True),
        ((None, False), None),
        ((), False),
    ],
)
def test_a_known_public_link_takes_precedence_over_an_unknown_one(links, has_link):
    shares = [FileShares(has_public_link=each) for each in links]
    assert elsewhere(shares, (), OWN).has_public_link is has_link


def test_a_truncated_list_is_incomplete():
    assert elsewhere([AT_HOME], (), OWN).is_complete
    assert not elsewhere([AT_HOME, FileShares(is_complete=False)], (), OWN).is_complete


def test_a_list_beyond_the_limit_is_incomplete():
    many = tuple(SharedIn(f"C0PLACE{number:03}") for number in range(MOST_PLACES + 1))
    found = elsewhere([FileShares(many)], (), OWN)
    assert (len(found.places), found.is_complete) == (MOST_PLACES, False)
    assert elsewhere([FileShares(many[1:])], (), OWN).is_complete
