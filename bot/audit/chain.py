"""The hash chain: each event's hash covers its content and the hash before it. Pure.

A checkpoint seals the events up to a link; the newest checkpoint covers all earlier ones.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.audit.events import AuditTag, PayloadValue

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
        """Digest the canonical form. 64 hex digits."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def canonical(self) -> bytes:
        """Serialize the event; equal events give equal bytes on every database."""
        return _ENCODE(self.covered()).encode()

    def covered(self) -> dict[str, Any]:
        """Return what the hash covers, by its names; the time is in UTC, to the microsecond."""
        return {
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


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a workspace; written down elsewhere, it is an anchor."""

    team_id: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A sealed link: all events up to it were removed."""

    team_id: str
    seq: int
    hash: str
    sealed_at: datetime
    sealed_by: str


@dataclass(frozen=True, slots=True)
class SealedRights:
    """The number and digest of the grants and denies whose events were sealed away."""

    count: int
    digest: str


def seal_payload(
    newest: Checkpoint, earlier: Sequence[Checkpoint], rights: SealedRights
) -> Mapping[str, PayloadValue]:
    """Build the payload of the event of a checkpoint; it covers the earlier checkpoints too."""
    return {
        "sealed_seq": newest.seq,
        "sealed_hash": newest.hash,
        "earlier_seals": digest(earlier),
        "sealed_rights": rights.count,
        "sealed_rights_digest": rights.digest,
    }


def sealed_rights_of(link: Link) -> SealedRights | None:
    """Read the rights recorded in a seal's event; None: the event is older than this record."""
    count, digested = (link.payload.get(name) for name in ("sealed_rights", "sealed_rights_digest"))
    if not isinstance(count, int) or not isinstance(digested, str):
        return None
    return SealedRights(count, digested)


def is_seal_of(link: Link, checkpoint: Checkpoint) -> bool:
    """Return whether this event was written with the checkpoint."""
    recorded = (link.payload.get("sealed_seq"), link.payload.get("sealed_hash"))
    return (link.tag, link.occurred_at, link.actor_id, *recorded) == (
        AuditTag.AUDIT_SEALED,
        checkpoint.sealed_at,
        checkpoint.sealed_by,
        checkpoint.seq,
        checkpoint.hash,
    )


def vouches_for(link: Link, earlier: Sequence[Checkpoint]) -> bool | None:
    """Return whether the event covers exactly these checkpoints; None: it is too old to say."""
    recorded = link.payload.get("earlier_seals")
    return None if recorded is None else bool(recorded == digest(earlier))


def digest(checkpoints: Sequence[Checkpoint]) -> str:
    """Digest a workspace's checkpoints, oldest first. 64 hex digits."""
    rows = [
        [each.seq, each.hash, each.sealed_at.isoformat(timespec="microseconds"), each.sealed_by]
        for each in checkpoints
    ]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
