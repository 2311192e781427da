"""When a digest is due: cron on the wall clock of a zone, and what that means in UTC."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from cron_descriptor import Options, get_description

from bot.digests.digest import Period
from bot.digests.slack_port import Slot
from bot.errors import UsageError

# More than any clock was ever put forward by, date lines aside.
LONGEST_GAP: Final = timedelta(hours=3)
# The calendar ends here for a timetable that is never due, such as 30 February.
LAST_DAY: Final = datetime(2150, 1, 1, tzinfo=UTC)
# Where to look for the slot before another one; the nearest window that holds one is taken.
LOOK_BACK: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 60, 1440, 4 * 1440, 8 * 1440, 32 * 1440, 367 * 1440)
)
FIELDS: Final = ("second", "minute", "hour", "day", "month", "day_of_week")


class NeverDue(UsageError):
    """No day of the calendar fits."""

    code = "never_due"
    what = "That time never comes."
    fix = "Choose a day that the calendar has, such as `0 9 1 * *` for the first of each month."


@dataclass(frozen=True, slots=True)
class Timetable:
    """Five fields of cron with weekdays by name, or six with seconds first, in a zone.

    A wall time that comes twice when clocks are put back is due the first time; one that is left
    out when they are put forward is due as much later as they were put forward.
    """

    cron: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Refuse what the trigger cannot be built from, with its ``ValueError``."""
        self._trigger()

    def after(self, instant: datetime) -> datetime:
        """Give the first instant later than this one at which it is due, in UTC.

        Raises:
            NeverDue: there is none.
        """
        best: datetime | None = None
        for wall in self._walls(after=self._start_of_search(instant)):
            due_at = wall.replace(tzinfo=self.zone).astimezone(UTC)
            if due_at > instant and (best is None or due_at < best):
                best = due_at
            # A wall time in a gap is due later than it says: one behind it may come first.
            if best and wall >= self._wall(best):
                return best
        raise NeverDue

    def between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Give every instant at which it is due after ``since``, up to ``until`` itself."""
        due_at = self.after(since)
        while due_at <= until:
            yield due_at
            due_at = self.after(due_at)

    def upcoming(self, now: datetime, count: int) -> tuple[datetime, ...]:
        """Give the next instants at which it is due."""
        found: list[datetime] = []
        for _ in range(count):
            found.append(self.after(found[-1] if found else now))
        return tuple(found)

    def before(self, due_at: datetime) -> datetime:
        """Give the last instant earlier than this one at which it was due; a year at most."""
        last_moment = due_at - timedelta(microseconds=1)
        for window in LOOK_BACK:
            found = deque(self.between(due_at - window, last_moment), maxlen=1)
            if found:
                return found[0]
        return due_at - LOOK_BACK[-1]

    def slot(self, due_at: datetime) -> Slot:
        """Name the slot that is due then; it tells of the time since the one before."""
        return Slot(self.local(due_at), due_at, Period(self.before(due_at), due_at, self.zone))

    def slot_on_request(self, now: datetime) -> Slot:
        """Name a post out of turn: it tells of as much time as the next one will."""
        length = (following := self.after(now)) - self.before(following)
        # To the second, so that no slot of the timetable has this name.
        local = self._wall(now).isoformat(timespec="seconds")
        return Slot(local, now, Period(now - length, now, self.zone))

    def local(self, due_at: datetime) -> str:
        """Name a slot: the wall clock's time."""
        wall = self._wall(due_at)
        return wall.isoformat(timespec="seconds" if wall.second else "minutes")

    def in_words(self) -> str:
        """Say when it is due, such as "At 09:00, Monday through Friday"."""
        options = Options()
        options.use_24hour_time_format = True
        options.locale_code = "en_US"
        return str(get_description(self.cron, options))

    def moment(self, due_at: datetime, now: datetime) -> str:
        """Say an instant as the zone's clock shows it, such as "Mon 1 Jun 09:00 BST"."""
        local = due_at.astimezone(self.zone)
        year = "" if local.year == now.astimezone(self.zone).year else f" {local.year}"
        return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M %Z}"

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """Give the wall times that fit, as naive datetimes.

        The trigger is told that the wall clock shows UTC. Told the real zone, APScheduler 3.11.3
        loses a slot now and then: midnight on 1 April, asked for in March where clocks change
        between, is left out.
        """
        trigger = self._trigger()
        at = after.replace(tzinfo=UTC)
        while found := trigger.get_next_fire_time(None, at + timedelta(microseconds=1)):
            at = found
            yield found.replace(tzinfo=None)

    def _trigger(self) -> CronTrigger:
        seconds = () if len(self.cron.split()) == len(FIELDS) else ("0",)
        fields = dict(zip(FIELDS, (*seconds, *self.cron.split()), strict=True))
        return CronTrigger(**fields, timezone=UTC, end_date=LAST_DAY)

    def _start_of_search(self, instant: datetime) -> datetime:
        """Begin before a gap that was just now: what was in it may be due yet."""
        wall = self._wall(instant)
        earlier = self._wall(instant - LONGEST_GAP)
        return wall - LONGEST_GAP if wall - earlier > LONGEST_GAP else wall

    def _wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)
