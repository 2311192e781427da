"""Why a digest is paused, as codes and in words."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class PauseCause(StrEnum):
    """Why a digest is paused."""

    ASKED = "asked"
    ARCHIVED = "archived"
    UNSEEN = "unseen"
    EXTERNAL = "external"
    NOT_INVITED = "not_invited"
    REMOVED = "removed"


WHY_PAUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        PauseCause.ASKED: "an admin paused it",
        PauseCause.ARCHIVED: "the channel is archived",
        PauseCause.UNSEEN: "the channel is gone, or it is private and I am not in it any more",
        PauseCause.EXTERNAL: (
            "the channel is, or is about to be, shared with another organisation"
        ),
        PauseCause.NOT_INVITED: "I am not in the channel any more",
        PauseCause.REMOVED: "the app was removed from the workspace, and installed again since",
    }
)
