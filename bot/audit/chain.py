"""The hash chain: each event's hash covers its content and the hash before it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

HASH_LENGTH: Final = 64
FIRST_PREVIOUS: Final = "0" * HASH_LENGTH

# Built once: `json.dumps` would build an encoder for each of a million events.
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Link:
    """One event as a link of the chain."""

    seq: int
    occurred_at: datetime
    team_id: str
    tag: str
    actor_id: str
    delivery_id: str | None
    version: int
    payload: Mapping[str, Any]
    previous_hash: str

    def hash(self) -> str:
        """Digest the canonical form: sorted JSON, UTC to the microsecond. 64 hex digits."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def canonical(self) -> bytes:
        """Serialize the event; equal events give equal bytes on every database."""
        return _ENCODE(
            {
                "actor": self.actor_id,
                "at": self.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
                "delivery": self.delivery_id,
                "payload": self.payload,
                "previous": self.previous_hash,
                "seq": self.seq,
                "tag": self.tag,
                "team": self.team_id,
                "version": self.version,
            }
        ).encode()
