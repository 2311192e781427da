"""Each fuzzed parser reads or refuses its seeds, and bytes of any kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import targets
from tests.tables import each_row

BYTES = st.binary(max_size=400)


@each_row("target", targets().values(), ids=targets())
def test_seeds_are_read_or_refused(target):
    for seed in target.seeds:
        target.run(seed)


@pytest.mark.parametrize("target", targets().values(), ids=targets())
@given(cut=st.integers(0, 400), put=st.binary(max_size=20), data=st.data())
def test_any_bytes_are_read_or_refused(target, cut, put, data):
    seed = data.draw(st.sampled_from(target.seeds) | BYTES)
    target.run(seed[:cut] + put + seed[cut + data.draw(st.integers(0, 20)) :])
