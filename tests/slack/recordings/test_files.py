"""Slack's file object: all its shares, and what it leaves unknown."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.recordings.deliveries.shares import FileShares, SharedIn
from bot.slack.recordings.files import shares_of
from tests.tables import each_row

ONE, TWO, DM = "C0ONE00000", "G0TWO00000", "D0DIRECT00"
WHOLE = {"public_url_shared": False, "has_more_shares": False}


def share(ts: str, **more: str) -> dict[str, Any]:
    return {"ts": ts, "team_id": "T0TEAM0000", **more}


def test_every_conversation_is_listed_once_with_its_first_message():
    found = shares_of(
        {
            **WHOLE,
            "shares": {
                "public": {ONE: [share("1.0", share_user_id="U0ALICE"), share("2.0")]},
                "private": {TWO: [share("3.0")]},
            },
            "channels": [ONE],
            "groups": [TWO],
            "ims": [DM],
        }
    )
    assert found == FileShares(
        (SharedIn(ONE, "1.0", "U0ALICE"), SharedIn(TWO, "3.0"), SharedIn(DM)),
        has_public_link=False,
        is_complete=True,
    )
    assert [found.ts_in(each) for each in (ONE, TWO, DM, "C0NONE")] == ["1.0", "3.0", None, None]


@each_row(
    ("file", "found"),
    [
        (WHOLE, FileShares()),
        ({}, FileShares(has_public_link=None)),
        (None, FileShares((), None, is_complete=False)),
        ({**WHOLE, "public_url_shared": True}, FileShares(has_public_link=True)),
        ({**WHOLE, "public_url_shared": "no"}, FileShares(has_public_link=None)),
        ({**WHOLE, "has_more_shares": True}, FileShares(is_complete=False)),
        ({**WHOLE, "skipped_shares": True}, FileShares(is_complete=False)),
        # A conversation without a message.
        ({**WHOLE, "shares": {"private": {ONE: []}}}, FileShares((SharedIn(ONE),))),
        # What cannot be read is passed over, and what is beside it is read.
        ({**WHOLE, "shares": [ONE], "channels": ONE, "groups": 7, "ims": None}, FileShares()),
        (
            {**WHOLE, "shares": {"public": 7, "private": {ONE: 7, TWO: [None, "", {"ts": 7}]}}},
            FileShares((SharedIn(ONE), SharedIn(TWO))),
        ),
        ({**WHOLE, "ims": [None, 7, [], {}, "", DM]}, FileShares((SharedIn(DM),))),
    ],
)
def test_a_missing_field_is_unknown_and_not_false(file, found):
    assert shares_of(file) == found


ids = st.lists(st.sampled_from(("C1", "C2", "C3")), unique=True)


@given(ids, ids, ids, ids)
def test_no_list_of_shares_hides_another(public, private, channels, ims):
    messages = {"public": {each: [share("1.0")] for each in public}}
    messages["private"] = {each: [share("1.0")] for each in private}
    found = shares_of({**WHOLE, "shares": messages, "channels": channels, "ims": ims})
    named = {*public, *private, *channels, *ims}
    assert {each.channel_id for each in found.places} == named
