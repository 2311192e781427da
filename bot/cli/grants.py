"""`grants add|deny|revoke|list`: rights, from the machine that runs the bot."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from bot.access.changing import AdminFacts, RightsChanges
from bot.access.durations import parse_duration
from bot.access.grant_pages import list_grants
from bot.access.grants import Effect, Grant, NewGrant, Right, Subject, SubjectKind
from bot.cli import console
from bot.cli.options import AsJson, Group, OnlyTeam, Team, User
from bot.recordings.deliveries.past_deliveries import workspaces_with_deliveries
from bot.store.database import Database
from bot.wiring.clock import utc_now

WhichRight = Annotated[Right, typer.Option("--right", help="pii: hear raw; admin: administer")]
Why = Annotated[str, typer.Option("--reason", help="Kept with the grant as typed.")]

COLUMNS = (
    "id", "team", "subject", "right", "effect", "given_by", "reason", "starts_at", "expires_at",
    "revoked_by", "revoked_at",
)  # fmt: skip

EXAMPLE = (
    "For the first right `callaudio doctor` prints this line with your ids:\n\n"
    'callaudio grants add --team T… --user U… --reason "call quality review"'
)


def build() -> typer.Typer:
    """Build the subcommands."""
    cli = typer.Typer(help="Grant, deny, revoke and list rights.", no_args_is_help=True)
    cli.command("add", epilog=EXAMPLE)(add)
    cli.command("deny")(deny)
    cli.command("revoke")(revoke_)
    cli.command("list")(list_)
    return cli


def add(  # noqa: PLR0917 - one parameter per option
    team: Team,
    reason: Why,
    user: User = None,
    group: Group = None,
    right: WhichRight = Right.PII,
    for_: Annotated[str | None, typer.Option("--for", help="30m, 8h, 3d; unset: no end")] = None,
) -> None:
    """Grant a right."""
    subject = _subject(team, user, group)
    with console.value_of("--for"):
        lasting = None if for_ is None else parse_duration(for_)
    console.run_async(_write(subject, right, Effect.GRANT, reason, lasting))


def deny(
    team: Team, reason: Why, user: User = None, group: Group = None, right: WhichRight = Right.PII
) -> None:
    """Deny a right; a deny beats every grant until it is revoked."""
    subject = _subject(team, user, group)
    console.run_async(_write(subject, right, Effect.DENY, reason, None))


def revoke_(
    team: Team, user: User = None, group: Group = None, right: WhichRight = Right.PII
) -> None:
    """End every grant and deny of that right for the subject."""
    subject = _subject(team, user, group)

    async def work() -> int:
        async with console.store() as database:
            return await _changes(database).revoke(subject, right, by=console.operator())

    console.say(f"Revoked: {console.run_async(work())}.")


def list_(
    team: OnlyTeam = None,
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Also what has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """List grants and denies."""

    async def work() -> list[dict[str, Any]]:
        async with console.store() as database, database.read() as session:
            grants = await list_grants(session, team_id=team, now=utc_now(), ended=ended)
            return [_shown(grant) for grant in grants]

    console.print_rows(console.run_async(work()), COLUMNS, as_json=as_json)
    if not as_json and (first := console.first_admins()):
        named = ", ".join(sorted(first))
        typer.echo(f"Admins of every workspace by CALLAUDIO_ADMINS, without a grant: {named}")


async def _write(
    subject: Subject, right: Right, effect: Effect, reason: str, lasting: timedelta | None
) -> None:
    now = utc_now()
    new = NewGrant(
        subject=subject,
        right=right,
        effect=effect,
        given_by=console.operator(),
        reason=console.given_reason(reason),
        now=now,
        expires_at=now + lasting if lasting else None,
    )
    async with console.store() as database:
        grant = await _changes(database).give(new)
        end = grant.expires_at.isoformat() if grant.expires_at else "no end"
        whom = f"{subject.id} in workspace {subject.team_id}"
        console.say(f"{effect.value} {grant.id}: {right.value} for {whom}, {end}.")
        undo = (
            f"callaudio grants revoke --team {subject.team_id} --{subject.kind.value} {subject.id} "
            f"--right {right.value}"
        )
        await warn_of_unused_workspace(database, subject.team_id, undo=undo)


def _changes(database: Database) -> RightsChanges:
    async def read_admin_facts(_: Subject) -> AdminFacts:
        """Read them from the settings; Slack is not asked."""
        return AdminFacts(console.first_admins(), members=None)

    return RightsChanges(database=database, clock=utc_now, read_admin_facts=read_admin_facts)


def _subject(team: str, user: str | None, group: str | None) -> Subject:
    if (user is None) == (group is None):
        raise console.complain("Name either --user or --group.", code=console.BAD_USAGE)
    if user:
        return Subject(team, SubjectKind.USER, user)
    return Subject(team, SubjectKind.GROUP, group or "")


async def warn_of_unused_workspace(database: Database, team_id: str, *, undo: str) -> None:
    """Warn if recordings were requested in other workspaces only; ``undo`` is a command.

    It is no error: several workspaces may share a database, and the first right of one is given
    before anybody uses the bot there.
    """
    async with database.read() as session:
        used = await workspaces_with_deliveries(session)
    if used and team_id not in used:
        console.note(
            f"In workspace {team_id} nobody has requested a recording yet, only in "
            f"{', '.join(sorted(used))}.",
            f"If the id is wrong, run `{undo}`, and repeat this command with the right id.",
        )


def _shown(grant: Grant) -> dict[str, Any]:
    def text(when: datetime | None) -> str | None:
        return when.isoformat(timespec="seconds") if when else None

    return {
        "id": grant.id,
        "team": grant.subject.team_id,
        "subject": grant.subject.id,
        "right": grant.right.value,
        "effect": grant.effect.value,
        "given_by": grant.given_by,
        "reason": grant.reason,
        "starts_at": text(grant.starts_at),
        "expires_at": text(grant.expires_at),
        "revoked_by": grant.revoked_by,
        "revoked_at": text(grant.revoked_at),
    }
