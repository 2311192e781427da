"""`digests add|list|remove|run`: schedules, from the machine that runs the bot."""

from typing import Annotated, Any

import typer

from bot.cli import console
from bot.cli.grants import warn_of_unused_workspace
from bot.cli.options import AsJson, Channel, OnlyTeam, Owner, Team
from bot.digests.digest import WHY_PAUSED, Digest, DigestKind
from bot.digests.digest_administration import listed
from bot.digests.digest_draft import (
    AgentNotWanted,
    DigestAgentUnknown,
    DigestPreview,
    Draft,
    new_draft_id,
    normalized,
    preview,
    usual_agent,
)
from bot.digests.digest_store import DigestStore
from bot.digests.slot_claims import SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.digests.zone_names import ZoneUnknown
from bot.errors import UsageError
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.store.database import Database
from bot.wiring.clock import utc_now

At = Annotated[str, typer.Option("--at", help='"09:00 mon-fri", or five fields of cron.')]
Zone = Annotated[str, typer.Option("--zone", help="Time zone, such as Europe/London.")]
Kind = Annotated[DigestKind, typer.Option("--kind", help="Its subject.")]
Agent = Annotated[str | None, typer.Option("--agent", help="Name in POLYAI_AGENTS.")]
DigestId = Annotated[str, typer.Argument(help="As `digests list` shows it.")]

COLUMNS = (
    "id", "team", "kind", "channel", "agent", "timetable", "zone", "in_words", "next", "paused",
    "owner",
)  # fmt: skip


def build() -> typer.Typer:
    """Build the subcommands."""
    cli = typer.Typer(help="Add, list, remove and run digests.", no_args_is_help=True)
    cli.command("add")(add)
    cli.command("list")(list_)
    cli.command("remove")(remove)
    cli.command("run")(run)
    return cli


def add(  # noqa: PLR0917 - one parameter per option
    team: Team,
    channel: Channel,
    at: At,
    zone: Zone,
    owner: Owner,
    kind: Kind = DigestKind.CALLS,
    agent: Agent = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Save without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Preview a digest and save it; a worker checks the channel before each post."""
    draft = Draft(new_draft_id(), kind, channel, agent or usual_agent(kind), at, zone)
    # The other settings are read only if an agent was named.
    agents = {DEFAULT_AGENT, *(console.settings().polyai_agents if agent else ())}
    shown = _preview(draft, agents)
    if not as_json:
        console.say(f"{shown.in_words} ({shown.draft.zone}). It would come next:")
        for each in shown.next_runs:
            console.say(f"  {each}")
    if not yes and not typer.confirm("Save it?", err=as_json):
        raise typer.Exit(console.FAILED)

    async def work() -> dict[str, Any]:
        async with console.store() as database:
            digest = await _store(database).add(
                normalized(draft), team_id=team, owner_id=owner, actor_id=console.operator()
            )
            undo = f"callaudio digests remove {digest.id}"
            await warn_of_unused_workspace(database, team, undo=undo)
        return _shown(digest)

    row = console.run_async(work())
    if as_json:
        console.print_rows([row], COLUMNS, as_json=True)
    else:
        console.say(f"Saved as {row['id']}.")


def list_(team: OnlyTeam = None, *, as_json: AsJson = False) -> None:
    """List digests with their next runs."""

    async def work() -> list[dict[str, Any]]:
        async with console.store() as database:
            return [_shown(digest) for digest in await _store(database).list(team)]

    console.print_rows(console.run_async(work()), COLUMNS, as_json=as_json)


def remove(digest_id: DigestId) -> None:
    """Remove a digest."""

    async def work() -> None:
        async with console.store() as database:
            store = _store(database)
            await store.remove(await store.read(digest_id), console.operator())

    console.run_async(work())
    console.say(f"Removed {digest_id}.")


def run(digest_id: DigestId) -> None:
    """Have a running worker post a digest now."""

    async def work() -> str:
        async with console.store() as database:
            digest = await _store(database).read(digest_id)
            slot = timetable_of(digest).slot_on_request(utc_now())
            await SlotClaims(database=database, clock=utc_now).ask(digest, slot, console.operator())
            return digest.channel_id

    console.say(f"A worker posts {digest_id} in {console.run_async(work())}.")


def _store(database: Database) -> DigestStore:
    return DigestStore(database=database, clock=utc_now)


def _preview(draft: Draft, agents: set[str]) -> DigestPreview:
    """Check the options; one that is unusable ends the command with 2."""
    try:
        return preview(draft, agents, utc_now())
    except ZoneUnknown as error:
        raise console.unusable("--zone", error) from None
    except (AgentNotWanted, DigestAgentUnknown) as error:
        raise console.unusable("--agent", error) from None
    except UsageError as error:
        raise console.unusable("--at", error) from None


def _shown(digest: Digest) -> dict[str, Any]:
    item = listed(digest, utc_now())
    paused = digest.paused_because
    return {
        "id": digest.id,
        "team": digest.team_id,
        "kind": digest.kind.value,
        "channel": digest.channel_id,
        "agent": digest.agent_name or None,
        "timetable": digest.timetable,
        "zone": digest.zone,
        "in_words": item.in_words,
        "next": item.next_run,
        "paused": WHY_PAUSED.get(paused, paused) if paused else None,
        "owner": digest.owner_id,
    }
