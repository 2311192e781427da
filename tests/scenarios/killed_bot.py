"""The ordinary bot in a process of its own, which is killed, stopped and started again.

`python -m tests.scenarios.killed_bot LISTENER TEMPLATE` loads the product once, delivers two
recordings with it on a copy of the template's database, and then forks a bot for each order: see
``fork_server``. So a bot has every module loaded and every statement compiled, and its start costs
hundredths of a second. An order has the environment, a file for the output, and the roles of a bot
or the words of a command line.
"""

import asyncio
import gc
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, Self

import httpx
from starlette.applications import Starlette

from bot.__main__ import main as command_line
from bot.cli import serve as serving
from bot.cli.loopback_server import LOOPBACK
from bot.cli.serve import uvloop_run
from bot.cli.stage import PLAIN_KEY, RAW_KEY, Stage, environment_of, open_stage
from bot.digests.due_slots import CatchUp
from bot.jobs.retry_rule import RetryRule
from bot.jobs.work_loop import LEASE
from bot.network import circuit
from bot.observability.logs import configure_logging
from bot.observability.metrics import Metrics
from bot.recordings.steps.delivery_decision import FactRetryWindow
from bot.sandbox.person import SlackClientSide
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.settings.environment import load_settings
from bot.slack import ack_window, operations
from bot.store.database import Database
from bot.wiring.application import Application, Roles, open_application
from bot.wiring.clock import utc_now
from bot.wiring.timings import DRAIN_SECONDS
from tests.access.builders import nobody_cleared
from tests.compiled_once import share_compiled_statements
from tests.polling import DEADLINE_SECONDS
from tests.ports import free_port
from tests.scenarios.digest_scene import plain_outlets
from tests.scenarios.fork_server import ForkServer, serve
from tests.scenarios.scene import BRISK, Scene

QUICK = replace(
    BRISK,
    lease=timedelta(seconds=3),  # a start holds its event loop for a second, more on a busy machine
    poll_seconds=1.5,  # so short that an idle worker notices each outage as long as a lease
    check_every=timedelta(seconds=1),
    # Slots a second apart would be skipped on a busy machine.
    catch_up=CatchUp(slots=1_000, grace=timedelta(hours=1), intervals=10_000),
)
# Outages last seconds here: temporary faults are retried as in production, at shorter intervals.
STORMY = replace(
    QUICK,
    retry=RetryRule(attempts=100, first_wait_seconds=0.2, max_wait_seconds=2.0),
    fact_retry_window=FactRetryWindow(),
    notify_again=timedelta(seconds=0.5),
    lease=LEASE,
    drain_seconds=DRAIN_SECONDS,
)
TIMINGS = {
    "quick": QUICK,
    "stormy": STORMY,
    "impatient": replace(QUICK, drain_seconds=0.5),  # a stop cuts off calls that hang
}
# A busy machine must not cancel an answer, unless the test is about that.
ANSWER_SECONDS = dict.fromkeys(TIMINGS, DEADLINE_SECONDS) | {"stormy": ack_window.ANSWER_SECONDS}
ONE_PROCESS = Roles(listens=True, works=True)
LISTENER, WORKER = Roles(listens=True, works=False), Roles(listens=False, works=True)


def main() -> None:
    """Fork bots until no connection is left."""
    listener, template = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps the children
    ack_window.ANSWER_SECONDS = DEADLINE_SECONDS
    share_compiled_statements()
    with redirect_stdout(StringIO()):
        uvloop_run(_rehearse(template))
    assert threading.active_count() == 1, "a lock that another thread holds would stay locked"
    gc.freeze()
    serve(listener, _be_child)


async def _rehearse(template: Path) -> None:
    """Deliver a recording of each kind, so that every bot starts with the code loaded."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        async with open_stage(f"sqlite:///{folder}/callaudio.db", timings=QUICK) as stage:
            scene = Scene(stage)
            await scene.ask()
            await scene.grant()
            await scene.ask(scene.another_call())


def _be_child(order: dict[str, Any]) -> None:
    for stream in (0, 1, 2):
        name = order.get("errors", order["log"]) if stream == 2 else order["log"]
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    status: object = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(order["environment"])
        if files := order.get("open_files"):
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        if "roles" in order:
            _be_a_bot(order)
        else:
            os.chdir(order["folder"])
            sys.argv[1:] = order["arguments"]
            command_line()
        status = 0
    except SystemExit as ended:
        status = ended.code
    finally:
        print(json.dumps({"event": "exited", "status": status}), flush=True)  # noqa: T201 - its log
        os._exit(0)


def _be_a_bot(order: dict[str, Any]) -> None:
    timings = order.get("timings", "quick")
    ahead = timedelta(seconds=order.get("clock_ahead_seconds", 0))
    ack_window.ANSWER_SECONDS = ANSWER_SECONDS[timings]
    operations.PROBE_SECONDS = order.get("probe_seconds", operations.PROBE_SECONDS)
    longest = order.get("longest_probe_seconds", circuit.LONGEST_PROBE_SECONDS)
    circuit.LONGEST_PROBE_SECONDS = longest
    serving.open_application = partial(open_application, clock=lambda: utc_now() + ahead)
    settings = load_settings(order["environment"])
    configure_logging(settings.callaudio_log_format, settings.secret_values)
    until_a_signal = serving.serve(
        settings,
        Roles(**order["roles"]),
        host=LOOPBACK,
        port=settings.port,
        timings=TIMINGS[timings],
        open_outlets=plain_outlets,
        reread=lambda: load_settings(order["environment"]),
    )
    uvloop_run(until_a_signal)


class Nursery:
    """Starts bots; `with Nursery(template) as nursery`, shared by processes with the template."""

    def __init__(self, template: Path) -> None:
        self._forks = ForkServer(template.parent, __name__, str(template))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._forks.close()

    def start(self, environment: dict[str, str], roles: Roles, log: Path, **options: Any) -> int:
        """Fork a bot; returns its pid.

        Options: ``timings``, a name of `TIMINGS`; ``clock_ahead_seconds``; ``open_files``, how many
        the system gives it; ``probe_seconds``, the time limit of a check of the database;
        ``longest_probe_seconds``, after which a host that is away is tried again at the latest.
        """
        order = {"environment": environment, "roles": asdict(roles), "log": str(log), **options}
        return self._forks.fork(order)

    def begin(self, *arguments: str, folder: Path, port: int = 0, **environment: str) -> "Bot":
        """Start a command as an operator types it in a folder; a server listens on ``port``."""
        printed, errors = (folder / f"{arguments[0]}.{name}" for name in ("out", "err"))
        for left in (printed, errors):
            left.unlink(missing_ok=True)
        order = {"environment": environment, "arguments": arguments, "folder": str(folder)}
        order |= {"log": str(printed), "errors": str(errors)}
        return Bot(self._forks.fork(order), port, log=errors)

    async def command(
        self, *arguments: str, folder: Path, **environment: str
    ) -> tuple[int, str, str]:
        """Run such a command to its end; returns its exit code and both outputs."""
        command = self.begin(*arguments, folder=folder, **environment)
        await command.is_gone()
        *printed, ended = _lines(command.log.with_suffix(".out"))
        return json.loads(ended)["status"], "".join(printed), "".join(_lines(command.log))


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)


@dataclass
class Bot:
    """One process of the product."""

    pid: int
    port: int
    log: Path

    async def is_up(self) -> None:
        """Wait until it listens, which is the last step of its start."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                assert self.is_alive, f"it ended as it started: {self.log.read_text()[-3000:]}"
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(LOOPBACK, self.port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.02)

    async def metrics(self) -> str | None:
        """Scrape its metrics; None: it does not answer."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
                return (await http.get(f"http://{LOOPBACK}:{self.port}/metrics")).text
        except httpx.HTTPError:
            return None

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    async def kill(self) -> None:
        """Kill it without notice, and wait until the process has ended."""
        self.signal(signal.SIGKILL)
        await self.is_gone()

    async def is_gone(self) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.is_alive:
                await asyncio.sleep(0.01)

    @property
    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


async def at_once(through: Callable[[Any], Coroutine[Any, Any, None]], *cases: Any) -> None:
    """Go through all cases at the same time; each has its own bot, database and stand-ins."""
    async with asyncio.TaskGroup() as group:
        for case in cases:
            group.create_task(through(case))


@dataclass
class Street:
    """The stand-ins in this process, and bots with the same settings in their own."""

    scene: Scene
    environment: dict[str, str]
    folder: Path
    nursery: Nursery
    bots: list[Bot] = field(default_factory=list)

    async def start(
        self, roles: Roles = ONE_PROCESS, *, port: int | None = None, **options: Any
    ) -> Bot:
        """Start a bot; without ``port``, one that listens does so where people's commands arrive.

        Options: see `Nursery.start`.
        """
        port = port or (int(self.environment["PORT"]) if roles.listens else free_port())
        environment = {**self.environment, "PORT": str(port)}
        log = self.folder / f"bot-{len(self.bots)}.log"
        bot = Bot(self.nursery.start(environment, roles, log, **options), port, log)
        self.bots.append(bot)
        await bot.is_up()
        return bot

    @property
    def logs(self) -> str:
        return "".join(bot.log.read_text() for bot in self.bots)


@asynccontextmanager
async def open_street(
    nursery: Nursery, folder: Path, *, database_url: str | None = None, template: Path | None = None
) -> AsyncIterator[Street]:
    """Open the stand-ins, and a migrated database copied from ``template`` unless one is given."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing is served yet
    if template:
        shutil.copytree(template, folder, dirs_exist_ok=True)
    url = database_url or f"sqlite:///{folder}/callaudio.db"
    workspace, port = Workspace(), free_port()
    database = Database(url)
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        polyai.add_key(RAW_KEY, pii=True)
        environment = environment_of(workspace, slack, polyai)
        environment |= {"DATABASE_URL": url, "PORT": str(port)}
        origin = f"http://{LOOPBACK}:{port}"
        stage = Stage(
            workspace=workspace,
            slack=slack,
            polyai=polyai,
            application=Application(
                web=Starlette(),
                database=database,
                metrics=Metrics(),
                clearances=nobody_cleared(database),
            ),
            origin=origin,
            people=SlackClientSide(workspace, f"{origin}/slack/events"),
        )
        street = Street(Scene(stage), environment, folder, nursery)
        try:
            yield street
        finally:
            for bot in street.bots:
                with suppress(ProcessLookupError):
                    bot.signal(signal.SIGKILL)
            for bot in street.bots:
                await bot.is_gone()
            await database.close()


if __name__ == "__main__":
    main()
