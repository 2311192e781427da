"""The SQL statements of due work; ``due_work`` runs them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from bot.store.enqueue import ROUNDS_OF_FLOW
from bot.store.tables import DueWorkRow


# Each statement is built once: building one costs SQLAlchemy as much as running it.
@cache
def select_first_due(kinds: tuple[str, ...], *, takes_over: bool) -> Executable:
    """Select when the first free work of each kind is due."""
    row = DueWorkRow
    return select(
        *(
            select(func.min(row.due_at))
            .where(row.kind == kind, _is_free(takes_over=takes_over))
            .scalar_subquery()
            for kind in kinds
        )
    )


@cache
def select_due(
    *, takes_over: bool, in_turn: bool, fewer_takeovers: bool = False, passes_over: bool = False
) -> Executable:
    """Select and lock free work that is due, of one kind.

    ``in_turn``: by turn, then by time, from the first turn at or after ``next_turn`` on; from the
    very first one if none is left there.
    ``fewer_takeovers``: only work that was taken over less often than ``suspect_from``.
    ``passes_over``: no work of the flows in ``passed_over``.
    """
    row = DueWorkRow
    free = _is_free(takes_over=takes_over)
    order = (row.turn, row.due_at) if in_turn else (row.due_at,)
    # An expression, so that SQLite does not choose the index on due_at and then sort all waiting
    # work by turn at each claim.
    due_at = func.coalesce(row.due_at, row.due_at) if in_turn else row.due_at
    trusted = (row.takeovers + _was_held() < bindparam("suspect_from"),) if fewer_takeovers else ()
    conditions = [row.kind == bindparam("of"), due_at <= bindparam("now"), free, *trusted]
    if passes_over:
        passed_over: BindParameter[list[int]] = bindparam("passed_over", expanding=True)
        conditions.append((row.turn // ROUNDS_OF_FLOW).not_in(passed_over))
    if in_turn:
        first = select(func.min(row.turn)).where(*conditions)
        following = first.where(row.turn >= bindparam("next_turn"))
        conditions.append(
            row.turn >= func.coalesce(following.scalar_subquery(), first.scalar_subquery())
        )
    return (
        select(row.key, row.tries, row.revision, row.claim, row.takeovers, row.due_at, row.turn)
        .where(*conditions)
        .order_by(*order)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


@cache
def set_claims(lease: timedelta | None) -> Executable:
    """Claim work under a lease; work that was held counts as taken over."""
    row = DueWorkRow
    keys: BindParameter[list[str]] = bindparam("keys", expanding=True)
    return (
        update(row)
        .where(row.kind == bindparam("of"), row.key.in_(keys))
        .values(
            claim=bindparam("by"),
            lease_ends_at=end_of_lease(lease),
            takeovers=row.takeovers + _was_held(),
        )
    )


@cache
def delete_finished() -> Executable:
    """Delete finished work, unless it was enqueued again meanwhile."""
    row = DueWorkRow
    return delete(row).where(*_is_held(), row.revision == bindparam("as_of")).returning(row.key)


@cache
def set_postponed() -> Executable:
    """Postpone held work, unless it was enqueued again meanwhile."""
    row = DueWorkRow
    postponed = update(row).where(*_is_held(), row.revision == bindparam("as_of"))
    again = {"due_at": bindparam("again_at"), "tries": row.tries + 1, "claim": None, "takeovers": 0}
    return postponed.values(**again).returning(row.key)


@cache
def set_free() -> Executable:
    """Release held work that was enqueued again meanwhile."""
    row = DueWorkRow
    return (
        update(row).where(*_is_held()).values(claim=None, tries=0, takeovers=0).returning(row.key)
    )


def _is_held() -> tuple[ColumnElement[bool], ...]:
    """Build the condition for one piece of work that is held under a claim."""
    row = DueWorkRow
    return (
        row.kind == bindparam("of"),
        row.key == bindparam("its_key"),
        row.claim == bindparam("by"),
    )


def end_of_lease(lease: timedelta | None) -> ColumnElement[datetime] | None:
    """Build the end of a lease by the database's clock; None: without leases."""
    return None if lease is None else func.clock_timestamp() + lease


def _was_held() -> ColumnElement[int]:
    return case((DueWorkRow.claim.is_not(None), 1), else_=0)


def _is_free(*, takes_over: bool) -> ColumnElement[bool]:
    row = DueWorkRow
    if not takes_over:
        return row.claim.is_(None)
    # By the database's clock, so that a wrong clock of a machine cannot make a lease expire early.
    return or_(row.claim.is_(None), row.lease_ends_at < func.clock_timestamp())


def locked_in_order(claims: Collection[str]) -> ColumnElement[bool]:
    """Build the condition for rows held under these claims, locked in the order of their keys."""
    row = DueWorkRow
    held = select(row.kind, row.key).where(row.claim.in_(claims)).order_by(row.kind, row.key)
    return tuple_(row.kind, row.key).in_(held.with_for_update())
