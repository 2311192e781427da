"""Verifies one chain, event by event, against its head, checkpoints and anchors. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from bot.audit.chain import (
    FIRST_PREVIOUS,
    Checkpoint,
    SealedRights,
    is_seal_of,
    sealed_rights_of,
    vouches_for,
)
from bot.audit.events import AuditTag
from bot.audit.findings import ChainFault, ChainFinding, at_event, plain
from bot.audit.stored import hash_of, is_number, link_of


class Walk:
    """Verifies one workspace's chain from its newest checkpoint on.

    Args:
        team_id: the workspace.
        seals: its checkpoints, oldest first.
        heads: number and hash of its head rows; more than one row is a fault.
        anchors: numbers and hashes that were written down elsewhere.
    """

    def __init__(
        self,
        team_id: str,
        *,
        seals: Sequence[Checkpoint],
        heads: Sequence[tuple[object, object]],
        anchors: frozenset[tuple[int, str]],
    ) -> None:
        self.team_id = team_id
        self.sealed_rights: SealedRights | None = None
        """The rights recorded by the newest seal, after its event was read."""
        self.newest_seal = newest = seals[-1] if seals else None
        self._seals, self._heads, self._anchors = seals, heads, anchors
        self._start_seq = newest.seq if newest else 0
        self._seq, self._hash = self._start_seq, newest.hash if newest else FIRST_PREVIOUS
        self._id: object = None
        self._is_seal_read = newest is None
        self._vouched: bool | None = None
        self._met = {(0, FIRST_PREVIOUS), (self._seq, self._hash)} & anchors

    def step(self, row: Row[Any]) -> Iterator[ChainFinding]:
        """Compare one event with its own hash and with the event before it."""
        if not is_number(row.seq) or row.seq <= self._start_seq:
            yield self._stray(row)
            return
        yield from self._unlinked(row)
        digest = hash_of(row)
        if digest is None or digest != row.hash:
            says = f"event {row.seq} ({plain(row.tag)}) does not match its hash"
            yield self._finding(row.seq, ChainFault.ALTERED, says)
        elif row.tag == AuditTag.AUDIT_SEALED and self._seals:
            self._check_seal(row)
        if (row.seq, row.hash) in self._anchors:
            self._met.add((row.seq, row.hash))
        if row.seq != self._seq:  # of several events with one number, the first counts
            self._seq, self._hash, self._id = row.seq, row.hash, row.id

    def end(self) -> Iterator[ChainFinding]:
        """Compare the end of the chain with the head row, the checkpoints and the anchors."""
        yield from self._wrong_head()
        if not self._is_seal_read:
            says = f"no event records the checkpoint at {self._start_seq}: the bot did not write it"
            yield self._finding(self._start_seq, ChainFault.UNSEALED, says)
        if self._vouched is False:
            says = f"the checkpoints before {self._start_seq} differ from those it was written with"
            yield self._finding(self._start_seq, ChainFault.UNSEALED, says)
        for seq, digest in sorted(self._anchors - self._met):
            yield from self._wrong_anchor(seq, digest)

    def _stray(self, row: Row[Any]) -> ChainFinding:
        says = (
            f"the row with id {plain(row.id)} is numbered {plain(row.seq)}: "
            f"the chain starts at {self._start_seq + 1}"
        )
        return at_event(row, ChainFault.STRAY, says)

    def _unlinked(self, row: Row[Any]) -> Iterator[ChainFinding]:
        if row.seq == self._seq:
            says = f"there is more than one event {row.seq}: inserted"
            yield self._finding(row.seq, ChainFault.UNLINKED, says)
        elif row.seq != self._seq + 1:
            says = f"events {self._seq + 1} to {row.seq - 1} are gone"
            yield self._finding(self._seq + 1, ChainFault.REMOVED, says)
        elif row.previous_hash != self._hash:
            says = f"event {row.seq} does not follow event {self._seq}: inserted or reordered"
            yield self._finding(row.seq, ChainFault.UNLINKED, says)
        elif not is_number(row.id) or row.id < 1:
            says = f"event {row.seq} has the id {plain(row.id)}: ids start at 1"
            yield self._finding(row.seq, ChainFault.REORDERED, says)
        elif is_number(self._id) and row.id <= self._id:
            says = f"event {row.seq} has a smaller id than event {self._seq}"
            yield self._finding(row.seq, ChainFault.REORDERED, says)

    def _check_seal(self, row: Row[Any]) -> None:
        link = link_of(row)
        if link and is_seal_of(link, self._seals[-1]):
            self._is_seal_read, self._vouched = True, vouches_for(link, self._seals[:-1])
            self.sealed_rights = sealed_rights_of(link)

    def _wrong_head(self) -> Iterator[ChainFinding]:
        if list(self._heads) == [(self._seq, self._hash)] or (self._seq == 0 and not self._heads):
            return
        head_seq = self._heads[0][0] if len(self._heads) == 1 else None
        if isinstance(head_seq, int) and head_seq > self._seq:
            says = f"the chain ends at {self._seq}, its head says {head_seq}"
            yield self._finding(self._seq, ChainFault.TAIL_REMOVED, says)
            return
        heads = ", ".join(f"{plain(seq)}:{plain(digest)}" for seq, digest in self._heads)
        says = (
            f"the chain ends at {self._seq}:{plain(self._hash)}, its head says {heads or 'nothing'}"
        )
        yield self._finding(self._seq, ChainFault.HEAD_ALTERED, says)

    def _wrong_anchor(self, seq: int, digest: str) -> Iterator[ChainFinding]:
        retained = {each.seq: each.hash for each in self._seals[:-1]} if self._vouched else {}
        if retained.get(seq) == digest:
            return
        if 0 < seq < self._start_seq and seq not in retained:
            says = (
                f"event {seq} was sealed away with all up to {self._start_seq}: "
                "its anchor cannot be proved"
            )
            yield self._finding(seq, ChainFault.ANCHOR_UNPROVABLE, says)
            return
        says = f"event {seq} differs from the anchored one: the chain was rewritten"
        yield self._finding(seq, ChainFault.ANCHOR_BROKEN, says)

    def _finding(self, seq: int | None, fault: ChainFault, says: str) -> ChainFinding:
        return ChainFinding(plain(self.team_id), seq, fault, says)
