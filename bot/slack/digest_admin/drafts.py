"""Serializes a draft for a button's value or a form's metadata, and reads it back."""

import json
from dataclasses import asdict

from bot.digests.digest import DigestKind
from bot.digests.digest_draft import Draft
from bot.errors import UsageError


class DraftUnreadable(UsageError):
    """The value is not a draft of this version."""

    code = "draft_unreadable"
    what = "I cannot read what was to be saved."
    likely_cause = "It was made by an older version of callaudio."
    fix = "Type the command again."


def pack(draft: Draft) -> str:
    """Serialize a draft; it holds ids and words, each of a bounded length."""
    return json.dumps(asdict(draft), separators=(",", ":"))


def unpack(text: str) -> Draft:
    """Read a serialized draft.

    Raises:
        DraftUnreadable: it is not a draft.
    """
    try:
        values = {name: str(value) for name, value in json.loads(text).items()}
        return Draft(**{**values, "kind": DigestKind(values["kind"])})  # type: ignore[arg-type]  # the rest are texts
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DraftUnreadable from None
