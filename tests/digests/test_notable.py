"""Which calls are notable."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.digests.notable import Mark, MostNotable, score
from tests.digests.builders import SINCE, listed
from tests.tables import each_row

HANDED_OFF, SILENT, QUIET, CUT_SHORT, LONG = Mark
SCORES = [
    ("an ordinary call is not notable", {}, (), 0),
    ("a call that was handed off", {"handoff": True}, (HANDED_OFF,), 30),
    ("a person who never spoke", {"silences": 3}, (SILENT,), 25),
    ("no turns at all is not silence", {"silences": 0, "turns": 0}, (), 0),
    ("a list without silences", {"silences": None, "turns": None}, (), 0),
    ("three of nine turns silent", {"silences": 3, "turns": 9}, (QUIET,), 15),
    ("three of ten turns silent", {"silences": 3, "turns": 10}, (), 0),
    ("two of four turns silent", {"silences": 2, "turns": 4}, (), 0),
    ("over within ten seconds", {"length_seconds": 10}, (CUT_SHORT,), 20),
    ("over after eleven seconds", {"length_seconds": 11}, (), 0),
    ("a call of unknown length", {"length_seconds": None}, (), 0),
    ("just under ten minutes", {"length_seconds": 599}, (), 0),
    ("ten minutes", {"length_seconds": 600}, (LONG,), 10),
    ("a quarter of an hour", {"length_seconds": 900}, (LONG,), 15),
    ("hours count no more than 40 minutes", {"length_seconds": 9000}, (LONG,), 40),
    (
        "marks add up",
        {"handoff": True, "silences": 3, "length_seconds": 5},
        (HANDED_OFF, SILENT, CUT_SHORT),
        75,
    ),
    ("a chat has no recording", {"handoff": True, "channel": "WEBCHAT"}, (), 0),
    ("nor has it under its other names", {"handoff": True, "channel": "MESSAGING"}, (), 0),
    ("an unknown channel may be a call", {"handoff": True, "channel": None}, (HANDED_OFF,), 30),
    ("a call in progress", {"handoff": True, "in_progress": True}, (), 0),
    (
        "whether it is in progress is unknown",
        {"handoff": True, "in_progress": None},
        (HANDED_OFF,),
        30,
    ),
]


@each_row(
    ("changes", "marks", "points"), [row[1:] for row in SCORES], ids=[row[0] for row in SCORES]
)
def test_each_call_has_its_marks_and_points(changes, marks, points):
    scored = score(listed(**changes))
    assert (scored.marks, scored.points) == (marks, points)


def test_ties_are_ordered_by_time_then_by_id():
    calls = [
        listed(1, handoff=True, started_at=SINCE),
        listed(2, handoff=True, started_at=SINCE + timedelta(hours=1)),
        listed(3, handoff=True, started_at=SINCE),
    ]
    kept = MostNotable(limit=2)
    for call in calls:
        kept.add(call)
    assert [each.call for each in kept.best_first()] == [calls[1], calls[2]]


@given(
    st.lists(
        st.builds(
            listed,
            st.integers(0, 50),
            handoff=st.booleans(),
            length_seconds=st.integers(0, 4000),
            silences=st.integers(0, 5),
        ),
        max_size=60,
    ),
    st.integers(1, 10),
    st.randoms(use_true_random=False),
)
def test_the_best_calls_are_kept_for_any_number_and_order(calls, limit, random):
    kept = MostNotable(limit)
    for call in random.sample(calls, len(calls)):
        kept.add(call)
    scored = [score(call) for call in calls]
    ranked = sorted(
        (each for each in scored if each.points),
        key=lambda each: (each.points, each.call.started_at, each.call.conversation_id),
        reverse=True,
    )

    def ranks(notables):
        return [(e.points, e.call.started_at, e.call.conversation_id) for e in notables]

    assert ranks(kept.best_first()) == ranks(ranked[:limit])
