"""The names by which Slack sends presses and commands back."""

from enum import StrEnum
from typing import Final

COMMAND: Final = "/callaudio"


class Action(StrEnum):
    """Every ``action_id`` drawn; each has one listener."""

    RAW_TO_DM = "raw_to_dm"
