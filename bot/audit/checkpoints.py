"""Checkpoints of sealed chains; the newest covers all earlier ones. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.audit.chain import Link
from bot.audit.events import AuditTag, PayloadValue


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
