"""When a digest is due: a cron expression in a time zone, and the resulting times in UTC."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from cron_descriptor import FormatError, Options, get_description

from bot.digests.digest import Period, Slot
from bot.errors import UsageError

# No time zone ever skipped more, except at a change of the date line.
LONGEST_GAP: Final = timedelta(hours=3)
# The search for the next slot ends here, for timetables such as 30 February.
LAST_DAY: Final = datetime(2150, 1, 1, tzinfo=UTC)
# Windows to search for the previous slot; the smallest one that holds a slot is used.
SEARCH_WINDOWS: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 60, 1440, 4 * 1440, 8 * 1440, 32 * 1440, 367 * 1440)
)
FIELDS: Final = ("second", "minute", "hour", "day", "month", "day_of_week")


class NeverDue(UsageError):
    """The timetable has no date in the calendar."""

    code = "never_due"
    what = "That time never comes."
    fix = "Choose a day that the calendar has, such as `0 9 1 * *` for the first of each month."


@dataclass(frozen=True, slots=True)
class Timetable:
    """A cron expression in a time zone: five fields with weekdays by name, or six with seconds.

    A local time that occurs twice when clocks go back is due the first time. A local time that is
    skipped when clocks go forward is due later by the length of the gap.
    """

    cron: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Raise the trigger's ``ValueError`` for an invalid expression."""
        self._trigger()

    def after(self, instant: datetime) -> datetime:
        """Return the first due time later than this instant, in UTC.

        Raises:
            NeverDue: there is none.
        """
        best: datetime | None = None
        for wall in self._walls(after=self._start_of_search(instant)):
            due_at = wall.replace(tzinfo=self.zone).astimezone(UTC)
            if due_at > instant and (best is None or due_at < best):
                best = due_at
            # A local time in a gap is due later than it reads: a later one may come first.
            if best and wall >= self._wall(best):
                return best
        raise NeverDue

    def between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield every due time after ``since``, up to and including ``until``."""
        due_at = self.after(since)
        while due_at <= until:
            yield due_at
            due_at = self.after(due_at)

    def upcoming(self, now: datetime, count: int) -> tuple[datetime, ...]:
        """Return the next due times."""
        return tuple(islice(self.between(now, LAST_DAY), count))

    def before(self, due_at: datetime) -> datetime:
        """Return the last due time before this one; at most a year earlier."""
        last_moment = due_at - timedelta(microseconds=1)
        for window in SEARCH_WINDOWS:
            found = deque(self.between(due_at - window, last_moment), maxlen=1)
            if found:
                return found[0]
        return due_at - SEARCH_WINDOWS[-1]

    def slots(self, due: Sequence[datetime]) -> list[Slot]:
        """Build the slots of due times that follow one another; each covers the time before it.

        The slot before is searched for the first one only: for thousands, after a long outage, that
        takes seconds.
        """
        times = [self.before(due[0]), *due] if due else []
        return [
            Slot(self.local(due_at), due_at, Period(before, due_at, self.zone))
            for before, due_at in pairwise(times)
        ]

    def slot_on_request(self, now: datetime) -> Slot:
        """Build a slot for a post on request; it covers as much time as the next slot will."""
        length = (following := self.after(now)) - self.before(following)
        # With seconds, so that it differs from every slot of the timetable.
        local = self._wall(now).isoformat(timespec="seconds")
        return Slot(local, now, Period(now - length, now, self.zone))

    def covered_since(self, now: datetime) -> datetime:
        """Return the earliest time that the next slot, a late one, or one on request covers."""
        following = self.after(now)
        last = self.before(following)
        return min(self.before(last), now - (following - last))

    def local(self, due_at: datetime) -> str:
        """Format the local time that identifies a slot."""
        wall = self._wall(due_at)
        return wall.isoformat(timespec="seconds" if wall.second else "minutes")

    def in_words(self) -> str:
        """Describe the timetable, such as "At 09:00, Monday through Friday".

        The library cannot describe some lists, such as `21,*/15`: these are shown as cron.
        """
        options = Options()
        options.use_24hour_time_format = True
        options.locale_code = "en_US"
        try:
            return str(get_description(self.cron, options))
        except FormatError:
            return f"`{self.cron}`"

    def moment(self, due_at: datetime, now: datetime) -> str:
        """Format an instant in the zone, such as "Mon 1 Jun 09:00 BST"."""
        local = due_at.astimezone(self.zone)
        year = "" if local.year == now.astimezone(self.zone).year else f" {local.year}"
        return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M %Z}"

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """Yield the matching local times, as naive datetimes.

        The trigger runs in UTC on purpose. With the real zone, APScheduler 3.11.3 sometimes loses
        a slot: midnight on 1 April, if searched from March and the clocks change between.
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
        """Start before a recent gap of the clock: a slot in the gap may still be due."""
        wall = self._wall(instant)
        earlier = self._wall(instant - LONGEST_GAP)
        return wall - LONGEST_GAP if wall - earlier > LONGEST_GAP else wall

    def _wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)
