"""Sealed links, and how the newest vouches for those before it. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.audit.chain import Link
from bot.audit.events import AuditTag, PayloadValue


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A link up to which the events were removed."""

    team_id: str
    seq: int
    hash: str
    sealed_at: datetime
    sealed_by: str


@dataclass(frozen=True, slots=True)
class SealedRights:
    """The grants and denies whose giving events were sealed away: how many, and their digest."""

    count: int
    digest: str


def seal_payload(
    newest: Checkpoint, earlier: Sequence[Checkpoint], rights: SealedRights
) -> Mapping[str, PayloadValue]:
    """Build the payload of the event that tells of a checkpoint, and of all that came before it."""
    return {
        "sealed_seq": newest.seq,
        "sealed_hash": newest.hash,
        "earlier_seals": digest(earlier),
        "sealed_rights": rights.count,
        "sealed_rights_digest": rights.digest,
    }


def sealed_rights_of(link: Link) -> SealedRights | None:
    """Read what a seal's event says of rights; None: it was not yet asked to."""
    count, digested = (link.payload.get(name) for name in ("sealed_rights", "sealed_rights_digest"))
    if not isinstance(count, int) or not isinstance(digested, str):
        return None
    return SealedRights(count, digested)


def is_seal_of(link: Link, checkpoint: Checkpoint) -> bool:
    """Tell whether this event was written together with the checkpoint."""
    told = (link.payload.get("sealed_seq"), link.payload.get("sealed_hash"))
    return (link.tag, link.occurred_at, link.actor_id, *told) == (
        AuditTag.AUDIT_SEALED,
        checkpoint.sealed_at,
        checkpoint.sealed_by,
        checkpoint.seq,
        checkpoint.hash,
    )


def vouches_for(link: Link, earlier: Sequence[Checkpoint]) -> bool | None:
    """Tell whether the event knows exactly these checkpoints; None: it was not yet asked to."""
    told = link.payload.get("earlier_seals")
    return None if told is None else bool(told == digest(earlier))


def digest(checkpoints: Sequence[Checkpoint]) -> str:
    """Digest a workspace's checkpoints, oldest first. 64 hex digits."""
    spelt = [
        [each.seq, each.hash, each.sealed_at.isoformat(timespec="microseconds"), each.sealed_by]
        for each in checkpoints
    ]
    return hashlib.sha256(json.dumps(spelt, separators=(",", ":")).encode()).hexdigest()
