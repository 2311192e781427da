"""Compares rights with their audit events, and digests the rights that a seal covers."""

import hashlib
import json
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Row, Subquery, and_, case, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.chain import SealedRights
from bot.audit.events import AuditTag
from bot.audit.findings import ChainFault, ChainFinding, at_event, has_instead, plain, refers_to
from bot.audit.stored import EVENTS, mapping_of, moment_of, readable, streamed, untyped
from bot.audit.walk import Walk
from bot.store.inserts import is_on_sqlite

_GIVING: Final = (AuditTag.GRANT_ADDED, AuditTag.GRANT_DENIED)
_IDS: Final = ("subject_kind", "subject_id", "right", "effect")
_COLUMNS: Final = (*_IDS, "id", "given_by", "revoked_by", "starts_at", "expires_at", "revoked_at")
_GRANTS: Final = untyped("grants", "team_id", *_COLUMNS)


async def unaudited_rights(
    session: AsyncSession, walks: Mapping[str, Walk], without_chain: Collection[str]
) -> AsyncIterator[ChainFinding]:
    """Find grants and denies without an event for their start or end, in bounded memory.

    Rights whose events were sealed away are compared with the digest in the seal. Older seals have
    no digest: any right that began before them may be covered.
    """
    recorded = {team: walk.sealed_rights for team, walk in walks.items() if walk.sealed_rights}
    digests = {team: _Digest() for team in recorded}
    async for row in _without_events(session):
        if plain(row.team_id) in without_chain:
            continue
        if row.given:
            yield _finding(row, ChainFault.GRANT_ALTERED, "was revoked without an event")
        elif row.team_id in digests:
            digests[row.team_id].add(row)
        elif not _is_covered(row, walks.get(row.team_id)):
            yield _finding(row, ChainFault.GRANT_UNAUDITED, "exists without an event")
    for team, digest in digests.items():
        if digest.sealed() != recorded[team]:
            says = (
                "the rights whose events were sealed away differ from those recorded in the seal: "
                f"{digest.count} now, {recorded[team].count} then"
            )
            yield ChainFinding(plain(team), None, ChainFault.GRANT_UNAUDITED, says)


async def contradicted_rights(session: AsyncSession) -> AsyncIterator[ChainFinding]:
    """Find events whose grant or deny is gone or differs, in bounded memory."""
    async for row in _events_with_rows(session):
        if difference := next(_differences(row), None):
            says = refers_to(row, f"a right that {difference}")
            yield at_event(row, ChainFault.GRANT_ALTERED, says)


async def sealed_rights(session: AsyncSession, team_id: str, seq: int) -> SealedRights:
    """Digest the rights whose grant events are removed by a seal at ``seq``."""
    digest = _Digest()
    async for row in _without_events(session, team_id, seq):
        if not row.given:
            digest.add(row)
    return digest.sealed()


class _Digest:
    """Digests rows of grants in the order of their ids."""

    def __init__(self) -> None:
        self.count = 0
        self._sha = hashlib.sha256()

    def add(self, row: Row[Any]) -> None:
        """Add a row, unless the event of its end was sealed away too."""
        if row.revoked_at is not None and not row.revoked:
            return
        values = [row.id, *(getattr(row, name) for name in _IDS), row.given_by]
        values += [_time_text(row.starts_at), _time_text(row.expires_at)]
        self._sha.update(json.dumps(values, separators=(",", ":"), default=ascii).encode() + b"\n")
        self.count += 1

    def sealed(self) -> SealedRights:
        return SealedRights(self.count, self._sha.hexdigest())


def _without_events(
    session: AsyncSession, team_id: str | None = None, seq: int = 0
) -> AsyncIterator[Row[Any]]:
    """Stream the rights without an event for their start or end after event ``seq``."""
    given = _audited_grants(session, _GIVING, team_id, seq)
    revoked = _audited_grants(session, (AuditTag.GRANT_REVOKED,), team_id, seq)
    grants = _GRANTS.c

    def is_event_of(event: Subquery) -> ColumnElement[bool]:
        return and_(event.c.team_id == grants.team_id, event.c.grant_id == grants.id)

    both = _GRANTS.outerjoin(given, is_event_of(given)).outerjoin(revoked, is_event_of(revoked))
    is_unaudited = given.c.grant_id.is_(None)
    is_end_unaudited = and_(grants.revoked_at.is_not(None), revoked.c.grant_id.is_(None))
    query = (
        select(
            *readable(session, grants),
            given.c.grant_id.label("given"),
            revoked.c.grant_id.label("revoked"),
        )
        .select_from(both)
        .where(or_(is_unaudited, is_end_unaudited))
        .order_by(grants.team_id, grants.id)
    )
    return streamed(session, query if team_id is None else query.where(grants.team_id == team_id))


def _audited_grants(
    session: AsyncSession, tags: Sequence[AuditTag], team_id: str | None, seq: int
) -> Subquery:
    """Select the grants that events with these tags refer to."""
    columns = EVENTS.c
    query = (
        select(columns.team_id, _grant_id(session).label("grant_id"))
        .where(columns.tag.in_(tags), columns.seq > seq)
        .distinct()
    )
    return (query if team_id is None else query.where(columns.team_id == team_id)).subquery()


def _events_with_rows(session: AsyncSession) -> AsyncIterator[Row[Any]]:
    events, grants = EVENTS.c, _GRANTS.c
    is_it = and_(grants.team_id == events.team_id, grants.id == _grant_id(session))
    selected = [events.seq, events.team_id, events.tag, events.actor_id]
    selected += [events.occurred_at, events.payload, *(grants[name] for name in _COLUMNS)]
    query = (
        select(*readable(session, selected))
        .select_from(EVENTS.outerjoin(_GRANTS, is_it))
        .where(events.tag.in_((*_GIVING, AuditTag.GRANT_REVOKED)))
        .order_by(events.team_id, events.seq)
    )
    return streamed(session, query)


def _differences(row: Row[Any]) -> Iterator[str]:
    """Describe the differences between a right and its event, the most important first."""
    payload = mapping_of(row.payload) or {}
    if row.id is None:
        yield "is missing"
        return
    if row.tag == AuditTag.GRANT_REVOKED:
        if row.revoked_at is None:
            yield "is not revoked"
        compared = [("revoked_by", row.revoked_by, row.actor_id)]
        compared.append(("revoked_at", _time_text(row.revoked_at), _time_text(row.occurred_at)))
    else:
        compared = [("given_by", row.given_by, row.actor_id)]
        compared.append(("starts_at", _time_text(row.starts_at), _time_text(row.occurred_at)))
    compared += [(name, getattr(row, name), payload.get(name)) for name in _IDS]
    compared.append(
        ("expires_at", _time_text(row.expires_at), _recorded(payload.get("expires_at")))
    )
    for name, is_now, was in compared:
        if is_now != was:
            yield has_instead(name, is_now, was)


def _is_covered(row: Row[Any], walk: Walk | None) -> bool:
    began, seal = moment_of(row.starts_at), walk.newest_seal if walk else None
    return bool(seal and began and began <= seal.sealed_at)


def _grant_id(session: AsyncSession) -> ColumnElement[Any]:
    """Read the id of the grant that an event refers to; its payload may hold any value."""
    payload = EVENTS.c.payload
    if is_on_sqlite(session):
        path = "$.grant_id"
        is_json = and_(func.typeof(payload) == "text", func.json_valid(payload) == 1)
        is_number = func.json_type(payload, path) == "integer"
        number = case((is_json, case((is_number, func.json_extract(payload, path)))))
        # Without the type SQLite would build no index for the join.
        return cast(number, BigInteger)
    found = payload.op("->>")("grant_id")
    return case((found.op("~")("^[0-9]{1,18}$"), cast(found, BigInteger)))


def _time_text(value: object) -> object:
    """Format a time identically for all databases; other values are unchanged."""
    at = moment_of(value)
    return at.isoformat(timespec="microseconds") if at else value


def _recorded(value: object) -> object:
    """Format a time of a payload likewise."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC).isoformat(timespec="microseconds") if at else value
    except (ValueError, OverflowError):
        return value


def _finding(row: Row[Any], fault: ChainFault, says: str) -> ChainFinding:
    what = f"{plain(row.effect)} {plain(row.id)} of {plain(row.right)} to {plain(row.subject_id)}"
    return ChainFinding(plain(row.team_id), None, fault, f"{what} {says}")
