"""What properties are tried with: any JSON, and how many examples in `make test` and at length."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = "long"
USUAL = 40
TIMES_AS_MANY = 50

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
"""Any JSON value."""


def register_profiles() -> None:
    """Register the profile of `make test-long`, without deadlines, because machines may be busy."""
    patient = settings(
        deadline=None, max_examples=USUAL, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("patient", patient)
    # It also applies to properties without a number.
    settings.register_profile(LONG, patient, max_examples=1_000)
    settings.load_profile("patient")


def examples(usual: int, *, at_length: int | None = None) -> int:
    """Return the number of examples where ``make test`` tries the usual number."""
    is_long = settings.get_current_profile_name() == LONG
    return (at_length or usual * TIMES_AS_MANY) if is_long else usual
