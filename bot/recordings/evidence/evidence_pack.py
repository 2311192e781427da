"""Packs the audit events of a conversation or a period, together with a verifier.

It contains ids, codes, times and counts: no audio, no transcript, no number, no reason of a grant.
"""

import hashlib
import inspect
import json
import os
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit import evidence_verifier
from bot.audit.chain import Link
from bot.audit.log import AuditFilter, all_events
from bot.audit.verify import heads, verify
from bot.recordings.deliveries.past_deliveries import deliveries_of_call
from bot.recordings.evidence.summaries import check_summaries, delivery_summaries, time_text

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
        await _write(packed, files, DELIVERIES, delivery_summaries(session, wanted))
        await _write(packed, files, CHECKS, check_summaries(session, wanted))
        _add(packed, files, "verify.py", inspect.getsource(evidence_verifier).encode())
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
            "since": time_text(wanted.since),
            "until": time_text(wanted.until),
            "files": files,
        }
        _add(packed, {}, evidence_verifier.MANIFEST, json.dumps(manifest, indent=1).encode())
        # The digest is the ZIP comment, at the end of the file.
        packed.comment = b"0" * evidence_verifier.DIGEST_LENGTH
    digest = evidence_verifier.content_digest(path)
    with path.open("r+b") as file:
        file.seek(-evidence_verifier.DIGEST_LENGTH, os.SEEK_END)
        file.write(digest)
    return contents


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
        link = Link(**{each.name: getattr(row, each.name) for each in fields(Link)})
        yield {**link.covered(), "hash": row.hash}


async def _faults(session: AsyncSession) -> tuple[str, ...]:
    found: list[str] = []
    async for each in verify(session):
        found.append(f"{each.team_id}:{each.seq} {each.fault}")
        if len(found) == MOST_FAULTS:
            break
    return tuple(found)
