"""Packs the audit events of a conversation or a period, together with a verifier.

It contains ids, codes, times and counts: no audio, no transcript, no number, no reason of a grant.
"""

import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit import evidence_verifier
from bot.audit.events import AuditTag
from bot.audit.log import BATCH, AuditFilter, all_events
from bot.audit.verify import heads, verify
from bot.recordings.deliveries.past_deliveries import deliveries_of_call
from bot.recordings.evidence.delivery_summaries import REQUESTED, delivery_summaries
from bot.store.tables import AuditEventRow, DeliveryRow, RedactionCheckRow

RequestedRow = TypeVar("RequestedRow", DeliveryRow, RedactionCheckRow)

DELIVERIES: Final = "deliveries.jsonl"
CHECKS: Final = "checks.jsonl"
MOST_FAULTS: Final = 100
FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""A fixed date, so that two packs of the same data have equal bytes."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The contents of a pack.

    Attributes:
        events: the number of events.
        heads: the newest link of each chain, as an anchor to write down; it may not be packed.
        faults: the faults of the chains.
    """

    events: int
    heads: tuple[str, ...]
    faults: tuple[str, ...]


async def pack(session: AsyncSession, path: Path, wanted: AuditFilter) -> Packed:
    """Write the pack in bounded memory; ``session`` must read from one snapshot.

    Raises:
        OSError: the file cannot be written, or exists already.
    """
    files: dict[str, str] = {}
    if wanted.conversation_id:
        wanted = replace(wanted, deliveries=deliveries_of_call(wanted.conversation_id))
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as packed:
        events = await _write(packed, files, evidence_verifier.EVENTS, _events(session, wanted))
        await _write(packed, files, DELIVERIES, _deliveries(session, wanted))
        await _write(packed, files, CHECKS, _checks(session, wanted))
        _add(packed, files, "verify.py", _source_of_verifier())
        contents = Packed(
            events,
            tuple(f"{each.team_id}:{each.seq}:{each.hash}" for each in await heads(session)),
            await _faults(session),
        )
        manifest = {
            "events": events,
            "heads": contents.heads,
            "faults": contents.faults,
            "conversation": wanted.conversation_id,
            "since": _time(wanted.since),
            "until": _time(wanted.until),
            "files": files,
        }
        _add(packed, {}, evidence_verifier.MANIFEST, json.dumps(manifest, indent=1).encode())
        # The digest is the ZIP comment, at the end of the file.
        packed.comment = b"0" * evidence_verifier.DIGEST_LENGTH
    _seal(path)
    return contents


def _source_of_verifier() -> bytes:
    return Path(evidence_verifier.__file__).read_bytes()


def _seal(path: Path) -> None:
    digest, left = hashlib.sha256(), path.stat().st_size - evidence_verifier.DIGEST_LENGTH
    with path.open("r+b") as file:
        while left:
            piece = file.read(min(left, evidence_verifier.PIECE_BYTES))
            digest.update(piece)
            left -= len(piece)
        file.seek(-evidence_verifier.DIGEST_LENGTH, 2)
        file.write(digest.hexdigest().encode())


async def _write(
    packed: zipfile.ZipFile,
    files: dict[str, str],
    name: str,
    rows: AsyncIterator[Mapping[str, Any]],
) -> int:
    digest, count = hashlib.sha256(), 0
    with packed.open(_entry(name), "w", force_zip64=True) as file:
        async for row in rows:
            line = json.dumps(row, sort_keys=True).encode() + b"\n"
            digest.update(line)
            file.write(line)
            count += 1
    files[name] = digest.hexdigest()
    return count


def _add(packed: zipfile.ZipFile, files: dict[str, str], name: str, content: bytes) -> None:
    packed.writestr(_entry(name), content)
    files[name] = hashlib.sha256(content).hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, FIRST_DAY)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


async def _events(session: AsyncSession, wanted: AuditFilter) -> AsyncIterator[Mapping[str, Any]]:
    async for row in all_events(session, wanted):
        yield _event(row)


def _event(row: AuditEventRow) -> Mapping[str, Any]:
    return {
        "team": row.team_id,
        "seq": row.seq,
        "at": _time(row.occurred_at),
        "tag": row.tag,
        "actor": row.actor_id,
        "delivery": row.delivery_id,
        "version": row.version,
        "payload": row.payload,
        "previous": row.previous_hash,
        "hash": row.hash,
    }


async def _deliveries(
    session: AsyncSession, wanted: AuditFilter
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield each delivery: requester, decision, and from when to when it was visible.

    Its events say so. If their start was sealed away, its row does, which no hash covers.
    """
    async for each in delivery_summaries(
        session, conversation_id=wanted.conversation_id, since=wanted.since, until=wanted.until
    ):
        yield each
    event = AuditEventRow
    requests = select(event.id).where(event.delivery_id == DeliveryRow.id, event.tag.in_(REQUESTED))
    async for row in _rows(session, DeliveryRow, wanted, ~requests.exists()):
        yield {
            "delivery": row.id,
            "team": row.team_id,
            "conversation": row.conversation_id,
            "kind": row.kind,
            "asked_by": row.user_id,
            "asked_at": _time(row.requested_at),
            "asked_redacted": row.asked_redacted,
            "outcome": row.outcome,
            "reason": row.reason,
            "destination": row.destination_channel_id,
            "destination_is_private": row.destination_is_private,
            "state": row.state,
            "error": row.error_code,
            "audible_since": _time(row.ended_at) if row.share_ts else None,
            "audible_until": _time(row.taken_back_at),
            # An order to delete it is not a take-back yet, and none if nothing was shared.
            "taken_back_because": row.taken_back_cause if row.taken_back_at else None,
            "replaces": row.replaces_id,
            "source": "row",
            "is_pruned": False,
        }


async def _checks(session: AsyncSession, wanted: AuditFilter) -> AsyncIterator[Mapping[str, Any]]:
    """Yield each finished check, from its event; or from its row, if the event was sealed away."""
    async for each in all_events(session, replace(wanted, tag=AuditTag.REDACTION_CHECKED)):
        yield {
            "check": each.payload.get("check_id"),
            "team": each.team_id,
            "conversation": each.payload.get("conversation_id"),
            "asked_by": each.actor_id,
            "cause": each.payload.get("cause"),
            "delivery": each.delivery_id,
            "ended_at": _time(each.occurred_at),
            "verdict": each.payload.get("verdict"),
            "source": "events",
        }
    check_id = AuditEventRow.payload["check_id"].as_string()
    # Compared with all at once: no index finds the event of one check.
    recorded = select(check_id).where(
        AuditEventRow.tag == AuditTag.REDACTION_CHECKED, check_id.is_not(None)
    )
    is_unrecorded = RedactionCheckRow.id.not_in(recorded)
    async for row in _rows(session, RedactionCheckRow, wanted, is_unrecorded):
        yield {
            "check": row.id,
            "team": row.team_id,
            "conversation": row.conversation_id,
            "asked_by": row.asked_by,
            "cause": row.cause,
            "delivery": row.delivery_id,
            "ended_at": _time(row.ended_at),
            "verdict": row.verdict,
            "source": "row",
        }


async def _rows(
    session: AsyncSession,
    row: type[RequestedRow],
    wanted: AuditFilter,
    condition: ColumnElement[bool],
) -> AsyncIterator[RequestedRow]:
    """Yield the rows of a call or a period, oldest first, in bounded memory."""
    query = select(row).where(condition).order_by(row.requested_at, row.id)
    if wanted.conversation_id:
        query = query.where(row.conversation_id == wanted.conversation_id)
    if wanted.since:
        query = query.where(row.requested_at >= wanted.since)
    if wanted.until:
        query = query.where(row.requested_at < wanted.until)
    streamed = await session.stream_scalars(query, execution_options={"yield_per": BATCH})
    async for each in streamed:
        yield each
        session.expunge(each)


async def _faults(session: AsyncSession) -> tuple[str, ...]:
    found: list[str] = []
    async for each in verify(session):
        found.append(f"{each.team_id}:{each.seq} {each.fault}")
        if len(found) == MOST_FAULTS:
            break
    return tuple(found)


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="microseconds") if at else None
