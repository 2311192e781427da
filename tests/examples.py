"""How many examples of a costly property are tried: some in `make test`, many in test-long."""

from hypothesis import HealthCheck, settings

LONG = "long"
USUAL = 40
TIMES_AS_MANY = 50


def register_profiles() -> None:
    """Name the profile of `make test-long`, and let no property fail because a machine is busy."""
    patient = settings(
        deadline=None, max_examples=USUAL, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("patient", patient)
    # It counts for properties that say no number as well.
    settings.register_profile(LONG, patient, max_examples=1_000)
    settings.load_profile("patient")


def examples(usual: int, *, at_length: int | None = None) -> int:
    """Give the number of examples for a property of which ``make test`` tries the usual number."""
    is_long = settings.get_current_profile_name() == LONG
    return (at_length or usual * TIMES_AS_MANY) if is_long else usual
