"""The canary: whether it is set, its last result, and whether deliveries are frozen."""

from collections.abc import Iterator

from bot.cli.checks.finding import Finding, Status
from bot.recordings.redaction.canary_store import CanaryState, CanaryStore, CanaryVerdict
from bot.store.database import Database
from bot.wiring.clock import utc_now

WHAT = "canary"
THAW = (
    "Replace the plain key by one without PII access, then "
    '`callaudio canary thaw --reason "plain key replaced"`.'
)


async def check_canary(database: Database, setting: str | None) -> list[Finding]:
    """Read the state of the canary from the store."""
    states = await CanaryStore(database=database, clock=utc_now).read()
    found = list(_findings(states, setting))
    return found or [Finding(WHAT, Status.SET, "CALLAUDIO_CANARY is not set")]


def _findings(states: tuple[CanaryState, ...], setting: str | None) -> Iterator[Finding]:
    named = setting.rpartition("@")[0] if setting else None
    for each in states:
        if each.frozen_at:
            says = (
                f"no redacted recordings are delivered since {each.frozen_at:%Y-%m-%d %H:%M} UTC: "
                f"the plain key returns raw ({each.found})"
            )
            yield Finding(WHAT, Status.WRONG, says, THAW)
        elif each.conversation == named:
            yield _last_check(each)
    if named and not any(each.conversation == named for each in states):
        says = "no worker has checked it yet"
        yield Finding(WHAT, Status.SET, says, is_always_shown=True)


def _last_check(state: CanaryState) -> Finding:
    at = f"{state.checked_at:%Y-%m-%d %H:%M} UTC"
    if state.verdict is CanaryVerdict.HELD:
        return Finding(WHAT, Status.OK, f"the plain key returned the moments muted at {at}")
    held = f"{state.held_at:%Y-%m-%d %H:%M} UTC" if state.held_at else "never"
    says = f"unknown at {at} ({state.found}); last good check: {held}"
    return Finding(WHAT, Status.SET, says, is_always_shown=True)
