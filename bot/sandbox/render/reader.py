"""The viewer of the workspace: names for ids, and times as Slack's client shows them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Self

from bot.sandbox.objects import File
from bot.sandbox.render.markup import UnrenderableError
from bot.sandbox.workspace import Workspace

_TOKEN = re.compile(r"\{(\w+)\}")
_NEAR_DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}
_TEENS = (11, 12, 13)
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True)
class Reader:
    """One viewer; ``names`` are those of people, channels and groups, by id."""

    user_id: str
    now: datetime
    names: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    zone: tzinfo = UTC
    acts: bool = False
    """Whether buttons, fields and players are usable, or only drawn."""

    @classmethod
    def of(
        cls, workspace: Workspace, user_id: str, names: Mapping[str, str], *, acts: bool = False
    ) -> Self:
        """Build the viewer from the workspace."""
        now = datetime.fromtimestamp(workspace.clock(), UTC)
        known = {workspace.bot_user_id: "callaudio", **names}
        return cls(user_id, now, known, dict(workspace.file_table), acts=acts)

    def name(self, some_id: str) -> str:
        """Return the name of an id, or the id itself if it has none."""
        return self.names.get(some_id, some_id)

    def clock_time(self, ts: str) -> str:
        """Format the time of a message as the client shows it beside the name."""
        when = datetime.fromtimestamp(float(ts), UTC).astimezone(self.zone)
        return f"{when:%H:%M}"

    def written_date(self, timestamp: int, pattern: str) -> str:
        """Fill in a date pattern such as ``{date_short_pretty} {time}`` (docs: "Formatting text").

        Raises:
            UnrenderableError: Slack has no such token.
        """
        try:
            when = datetime.fromtimestamp(timestamp, UTC).astimezone(self.zone)
        except (OverflowError, OSError, ValueError):
            raise UnrenderableError(f"no time at {timestamp}") from None
        return _TOKEN.sub(lambda match: self._part(when, match[1]), pattern)

    def _part(self, when: datetime, token: str) -> str:
        plain = token
        if token in ("date_pretty", "date_short_pretty", "date_long_pretty"):
            days = (when.date() - self.now.astimezone(self.zone).date()).days
            if days in _NEAR_DAYS:
                return _NEAR_DAYS[days]
            plain = token.removesuffix("_pretty")
        written = {
            "date_num": f"{when:%Y-%m-%d}",
            "date": f"{when:%B} {_ordinal(when.day)}, {when.year}",
            "date_short": f"{when:%b} {when.day}, {when.year}",
            "date_long": f"{when:%A}, {when:%B} {_ordinal(when.day)}, {when.year}",
            "time": f"{when:%H:%M}",
            "time_secs": f"{when:%H:%M:%S}",
        }.get(plain)
        if written is None:
            raise UnrenderableError(f"no date token {{{token}}}")
        return written


def _ordinal(day: int) -> str:
    return f"{day}{'th' if day in _TEENS else _ENDINGS.get(day % 10, 'th')}"
