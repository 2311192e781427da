"""A draft on its way through Slack and back: in a button's value, or a form's metadata."""

import json
from dataclasses import asdict

from bot.digests.digest import DigestKind
from bot.digests.scheduling import Draft
from bot.errors import UsageError


class DraftUnreadable(UsageError):
    """What came back is no draft of this version."""

    code = "draft_unreadable"
    what = "I cannot read what was to be saved."
    likely_cause = "It was made by an older version of callaudio."
    fix = "Type the command again."


def pack(draft: Draft) -> str:
    """Spell a draft; it holds ids and words, each of a bounded length."""
    return json.dumps(asdict(draft), separators=(",", ":"))


def unpack(text: str) -> Draft:
    """Read it back.

    Raises:
        DraftUnreadable: it is none.
    """
    try:
        values = {name: str(value) for name, value in json.loads(text).items()}
        return Draft(**{**values, "kind": DigestKind(values["kind"])})  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DraftUnreadable from None
