"""The parts of a Web API method of the stand-in: arguments, errors, required scopes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.content import LONGEST_POST, Breach, check_message
from bot.sandbox.objects import Blocks
from bot.sandbox.workspace import Workspace


class RefusalError(Exception):
    """Slack's ``ok: false`` with its error code and the other fields of the answer."""

    def __init__(self, error: str, *, breach: Breach | None = None, **extra: object) -> None:
        super().__init__(error)
        self.error = error
        self.breach = breach
        """Set if a limit of messages or views was broken."""
        self.extra = extra


class Arguments:
    """The arguments of one call, sent as a form or as JSON."""

    def __init__(
        self, values: Mapping[str, Any], unknown_blocks: frozenset[str] = frozenset()
    ) -> None:
        self.values = values
        self._unknown_blocks = unknown_blocks

    def text(self, name: str, default: str = "") -> str:
        """A string; objects are refused."""
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
        """A boolean in any of the forms that Slack accepts."""
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

    def message(self, longest: int = LONGEST_POST) -> tuple[str, Blocks]:
        """The text and the blocks of a valid message."""
        text = self.text("text")
        blocks = self.structure("blocks", error="invalid_blocks_format")
        body = {"text": text, "blocks": blocks}
        refuse(check_message(body, longest=longest, unknown=self._unknown_blocks))
        return text, tuple(blocks) if isinstance(blocks, list) else ()

    def blocks(self) -> Blocks:
        """Valid blocks of a message, or none."""
        value = self.structure("blocks", error="invalid_blocks_format")
        if value:
            refuse(check_message({"blocks": value}, unknown=self._unknown_blocks))
        return tuple(value) if isinstance(value, list) else ()


def refuse(breach: Breach | None) -> None:
    """Answer a breach as Slack does, with every detail in ``response_metadata.messages``.

    Raises:
        RefusalError: there is one.
    """
    if breach:
        messages = [f"[ERROR] {detail}" for detail in breach.details]
        more = {"response_metadata": {"messages": messages}} if messages else {}
        raise RefusalError(breach.error, breach=breach, **more)


@dataclass(frozen=True)
class Method:
    """One Web API method.

    Attributes:
        run: changes the workspace and returns the answer without ``ok``.
        required: arguments that must not be missing or empty.
        scopes: one of these must be granted; none: no scope is needed.
        caller: whose token it requires: the bot's, the app-level one, or a person's, which does not
            exist here.
    """

    run: Callable[[Workspace, Arguments], dict[str, Any]]
    required: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    caller: Literal["bot", "app", "user"] = "bot"


def require_scope(workspace: Workspace, *alternatives: str) -> None:
    """Refuse with ``missing_scope`` unless one of the scopes is granted."""
    if alternatives and not workspace.scopes.intersection(alternatives):
        raise RefusalError(
            "missing_scope",
            needed=",".join(alternatives),
            provided=",".join(sorted(workspace.scopes)),
        )
