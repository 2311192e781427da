"""Ids of our own are found again in the log: nothing masks them."""

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from bot.ids import new_id
from bot.observability.logs import Masker


@given(st.sampled_from(["e", "g", "worker-"]), st.integers(1, 24))
def test_a_random_id_stays_readable_in_logs(prefix, length):
    made = new_id(prefix, length)
    assert re.fullmatch(rf"{prefix}[a-z]{{{length}}}", made)
    assert Masker(()).mask(f"id={made}, next") == f"id={made}, next"


@given(st.sampled_from("ad"), st.binary())
def test_an_id_derived_from_a_hash_stays_readable_in_logs(kind, told):
    made = kind + hashlib.sha256(told).hexdigest()[:20]
    assert Masker(()).mask(f'"{made}"') == f'"{made}"'
