"""Validates messages and views, on every way to Slack, by Slack's documentation of Block Kit."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.block_limits import problems

LONGEST_POST = 40_000
LONGEST_UPDATE = 4_000
_TITLE = 24
_CALLBACK_ID = 255
_PRIVATE_METADATA = 3000
_VIEW_CHARACTERS = 250_000


@dataclass(frozen=True)
class Breach:
    """Why Slack refuses a message or a view.

    Attributes:
        error: Slack's code.
        details: each breach of a limit.
        is_fault: a well-behaved app never sends it. Not a fault: blocks that this workspace does
            not have yet, and pictures that are gone.
    """

    error: str
    details: tuple[str, ...] = ()
    is_fault: bool = True

    def __str__(self) -> str:
        """Format it in one line."""
        return ", ".join((self.error, *self.details))


def check_message(
    body: Mapping[str, Any], *, longest: int = LONGEST_POST, unknown: Iterable[str] = ()
) -> Breach | None:
    """Check the ``text`` and ``blocks`` of a message; None if they are valid."""
    text, blocks = body.get("text") or "", body.get("blocks") or []
    if not isinstance(text, str):
        return Breach("invalid_arguments", ("text: not a text",))
    breach = _check_blocks(blocks, "message", unknown) if blocks else None
    if breach:
        return breach
    if not text and not blocks:
        return Breach("no_text")
    if len(text) > longest:
        return Breach("msg_too_long", (f"text: more than {longest} characters",))
    return None


def check_view(
    view: object,
    kind: Literal["modal", "home"],
    *,
    is_picture: Callable[[str], bool],
    unknown: Iterable[str] = (),
) -> Breach | None:
    """Check a view; None if it is valid. ``is_picture`` returns whether a file can be shown."""
    if not isinstance(view, dict) or view.get("type") != kind:
        return Breach("invalid_arguments", (f"view: no {kind}",))
    if len(str(view)) > _VIEW_CHARACTERS:
        return Breach("view_too_large")
    wrong = [*_check_hidden(view), *(_check_titles(view) if kind == "modal" else ())]
    if wrong:
        return Breach("invalid_arguments", tuple(wrong))
    blocks = view.get("blocks")
    return _check_blocks(blocks, kind, unknown) or _check_pictures(blocks, is_picture)


def _check_blocks(
    blocks: object, surface: Literal["message", "modal", "home"], unknown: Iterable[str]
) -> Breach | None:
    found = problems(blocks, surface, frozenset(unknown))
    if not found:
        return None
    return Breach("invalid_blocks", tuple(found), is_fault=bool(problems(blocks, surface)))


def _check_hidden(view: Mapping[str, Any]) -> list[str]:
    limits = {"private_metadata": _PRIVATE_METADATA, "callback_id": _CALLBACK_ID}
    return [
        f"{name}: not a text of at most {most} characters"
        for name, most in limits.items()
        if not isinstance(view.get(name, ""), str) or len(view.get(name, "")) > most
    ]


def _check_titles(view: Mapping[str, Any]) -> list[str]:
    blocks = view.get("blocks")
    inputs = [
        block
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, dict) and block.get("type") == "input"
    ]
    needed = ("title", "submit") if inputs else ("title",)
    found = [f"{name}: missing" for name in needed if not view.get(name)]
    for name in ("title", "submit", "close"):
        text = view.get(name)
        if text is not None and not _is_title(text):
            found.append(f"{name}: not a plain_text of 1 to {_TITLE} characters")
    return found


def _is_title(text: object) -> bool:
    return (
        isinstance(text, dict)
        and text.get("type") == "plain_text"
        and isinstance(text.get("text"), str)
        and 1 <= len(text["text"]) <= _TITLE
    )


def _check_pictures(blocks: object, is_picture: Callable[[str], bool]) -> Breach | None:
    """Refuse images that are not processed pictures here (docs: "Slack file object")."""
    for at, block in enumerate(blocks if isinstance(blocks, list) else []):
        file_id = (block.get("slack_file") or {}).get("id")
        if file_id is not None and not is_picture(file_id):
            where = f"invalid slack file [json-pointer:/blocks/{at}/slack_file]"
            return Breach("invalid_blocks", (where,), is_fault=False)
    return None
