"""The viewer of the workspace: the person, the time, the zone, and names for ids."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Self

from bot.sandbox.objects import File
from bot.sandbox.workspace import Workspace


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
