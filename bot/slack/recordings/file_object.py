"""Reads from Slack's file object where the file is shared (docs: "File object", `files.info`)."""

from collections.abc import Iterator
from typing import Any

from bot.recordings.deliveries.shares import FileShares, SharedIn

_ID_LISTS = ("channels", "groups", "ims")
# The first is in the examples of the docs, the second only in what some workspaces send.
_CUT_SHORT = ("has_more_shares", "skipped_shares")


def shares_of(file: object) -> FileShares:
    """Read every conversation that the object names; a missing field counts as unknown."""
    if not isinstance(file, dict):
        return FileShares(has_public_link=None, is_complete=False)
    places: dict[str, SharedIn] = {}
    for place in (*_shares(file.get("shares")), *_listed(file)):
        known = places.get(place.channel_id)
        if known is None or known.ts is None:
            places[place.channel_id] = place
    link = file.get("public_url_shared")
    return FileShares(
        places=tuple(places.values()),
        has_public_link=link if isinstance(link, bool) else None,
        is_complete=not any(file.get(name) for name in _CUT_SHORT),
    )


def _shares(shares: object) -> Iterator[SharedIn]:
    reaches = shares.values() if isinstance(shares, dict) else ()
    for reach in reaches:
        for channel_id, messages in (reach if isinstance(reach, dict) else {}).items():
            yield SharedIn(str(channel_id))
            for message in messages if isinstance(messages, list) else ():
                if isinstance(message, dict):
                    ts, by = _text(message.get("ts")), _text(message.get("share_user_id"))
                    yield SharedIn(str(channel_id), ts, by)


def _listed(file: dict[str, Any]) -> Iterator[SharedIn]:
    for name in _ID_LISTS:
        ids = file.get(name)
        for channel_id in ids if isinstance(ids, list) else ():
            if _text(channel_id):
                yield SharedIn(channel_id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
