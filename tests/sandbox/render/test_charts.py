import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.render.charts import HEIGHT, WIDTH, chart
from tests.sandbox.render import samples
from tests.sandbox.render.conftest import Drawn

VALUES = st.lists(
    st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6).map(lambda value: round(value, 2)),
    min_size=4,
    max_size=4,
)


@pytest.mark.parametrize("kind", ["bar", "line", "area"])
def test_a_chart_shows_its_names_and_its_scale(kind):
    drawn = Drawn(chart(samples.chart(kind)))
    for each in ("Calls a day", "answered", "handed over", "Mon", "Thu", "day", "calls", "10"):
        assert each in drawn.text


def test_bars_are_as_high_as_their_values():
    heights = [
        float(h) for h in re.findall(r'<rect[^>]* height="([\d.]+)"', chart(samples.chart()))
    ]
    assert [round(height / heights[0], 1) for height in heights[:4]] == [1, 2.3, 1.7, 3]


@pytest.mark.parametrize(("values", "slices"), [((5, 2, 1), 3), ((3,), 1)])
def test_a_pie_has_a_slice_for_each_segment(values, slices):
    drawn = chart(samples.pie(*values))
    assert drawn.count('class="slice') == slices
    assert f"part 0 ({values[0]})" in drawn


@pytest.mark.parametrize("kind", ["bar", "line", "area"])
@given(first=VALUES, second=VALUES)
def test_nothing_is_drawn_outside_of_the_chart(kind, first, second):
    drawn = chart(samples.chart(kind, (first, second)))
    points = re.findall(r'c?x="([\d.-]+)" c?y="([\d.-]+)"', drawn)
    assert points
    for x, y in points:
        assert 0 <= float(x) <= WIDTH
        assert -0.1 <= float(y) <= HEIGHT + 0.1
    assert "nan" not in drawn
