"""What a Web API method of the stand-in is made of: its arguments, its refusal, its needs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.block_limits import Surface, problems
from bot.sandbox.objects import Blocks
from bot.sandbox.workspace import Workspace


class RefusalError(Exception):
    """Slack's ``ok: false`` with its error code and what else the answer carries."""

    def __init__(self, error: str, **extra: object) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


class Arguments:
    """The arguments of one call, read alike whether they came as a form or as JSON."""

    def __init__(
        self, values: Mapping[str, Any], unknown_blocks: frozenset[str] = frozenset()
    ) -> None:
        self.values = values
        self._unknown_blocks = unknown_blocks

    def text(self, name: str, default: str = "") -> str:
        """A string; objects are refused where a string is wanted."""
        value = self.values.get(name)
        if isinstance(value, dict | list):
            raise RefusalError("invalid_arguments")
        return default if value is None else str(value)

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        try:
            return int(self.text(name, str(default)))
        except ValueError:
            raise RefusalError("invalid_arguments") from None

    def flag(self, name: str) -> bool:
        """A boolean in any of the forms Slack takes."""
        return self.text(name).lower() in ("1", "true")

    def structure(self, name: str, *, error: str = "invalid_arguments") -> object:
        """A JSON value, given as such or as JSON text; None when absent."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return json.loads(value)
        except ValueError:
            raise RefusalError(error) from None

    def blocks(self, surface: Surface = "message") -> Blocks:
        """Valid blocks, or none."""
        value = self.structure("blocks", error="invalid_blocks_format")
        return checked_blocks(value, surface, self._unknown_blocks) if value else ()


def checked_blocks(
    value: object, surface: Surface, unknown: frozenset[str] = frozenset()
) -> Blocks:
    """The blocks as a value; ``unknown`` types are those this workspace does not have yet.

    Raises:
        RefusalError: ``invalid_blocks``, with every problem in ``response_metadata.messages``.
    """
    found = problems(value, surface, unknown)
    if found or not isinstance(value, list):
        messages = [f"[ERROR] {problem}" for problem in found]
        raise RefusalError("invalid_blocks", response_metadata={"messages": messages})
    return tuple(value)


@dataclass(frozen=True)
class Method:
    """One Web API method.

    Attributes:
        run: changes the workspace and returns the answer without ``ok``.
        required: arguments that must not be missing or empty.
        scopes: one of these must be granted; none: no scope is needed.
        caller: whose token it takes: the bot's, or the app-level one.
    """

    run: Callable[[Workspace, Arguments], dict[str, Any]]
    required: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    caller: Literal["bot", "app"] = "bot"


def require_scope(workspace: Workspace, *alternatives: str) -> None:
    """Refuse with ``missing_scope`` unless one of the scopes is granted."""
    if alternatives and not workspace.scopes.intersection(alternatives):
        raise RefusalError(
            "missing_scope",
            needed=",".join(alternatives),
            provided=",".join(sorted(workspace.scopes)),
        )
