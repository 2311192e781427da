"""The durable job engine (DBOS): started, stopped, and fed by id."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dbos import DBOS, DBOSConfig, EnqueueOptions, StepOptions
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL

from bot.jobs.checkpoints import PlainJson
from bot.store.database import IDLE_IN_TRANSACTION_SECONDS, sqlite_path
from bot.store.schema import sync_url

APP_NAME: Final = "callaudio"
# Raised only for a change that a workflow begun before it could not go on with.
WORKFLOW_VERSION: Final = "1"
ENDED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
# Nothing here uses the engine's messages; its thread for them sleeps so long before it can end.
IDLE_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class WorkKind:
    """One kind of work: its names in the engine's tables, which stay as they are, and its code.

    Attributes:
        workflow: the name of the workflow.
        queue: the name of the queue it waits in.
        max_concurrent: how many a worker runs at a time.
        poll_seconds: how often a worker looks for more of it; each look costs half a millisecond.
    """

    workflow: str
    queue: str
    max_concurrent: int
    poll_seconds: float


DELIVERIES: Final = WorkKind("deliver_recording", "deliveries", max_concurrent=32, poll_seconds=0.1)
"""Most of those under way wait for somebody else's server."""
DIGESTS: Final = WorkKind("post_digest", "digests", max_concurrent=4, poll_seconds=0.5)
"""Nobody waits for them as for a recording."""

Run = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work and what runs it, given the id of one piece."""

    kind: WorkKind
    run: Run


class Engine:
    """DBOS on the same PostgreSQL (schema ``dbos``) or in a SQLite file beside the store's."""

    def __init__(self, *, store_url: URL, executor_id: str) -> None:
        self._url = engine_url(store_url)
        self._executor_id = executor_id
        self._under_way: set[asyncio.Task[Any]] = set()
        self.is_running = False

    async def start(self, works: Sequence[Work]) -> None:
        """Start in the running event loop and take up what this executor left unfinished."""
        if sqlite_path(self._url):
            await asyncio.to_thread(_switch_to_wal, self._url)
        config: DBOSConfig = {
            "name": APP_NAME,
            "system_database_url": self._url.render_as_string(hide_password=False),
            "application_version": WORKFLOW_VERSION,
            "executor_id": self._executor_id,
            "serializer": PlainJson(),
            "enable_otlp": False,
            "log_level": "WARNING",
            "sys_db_idle_transaction_timeout_sec": IDLE_IN_TRANSACTION_SECONDS,
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": IDLE_POLL_SECONDS,
        }
        DBOS(config=config)
        for work in works:
            self._register(work)
        DBOS.launch()
        for work in works:
            await DBOS.register_queue_async(
                work.kind.queue,
                worker_concurrency=work.kind.max_concurrent,
                polling_interval_sec=work.kind.poll_seconds,
                on_conflict="always_update",
            )
        self.is_running = True

    def _register(self, work: Work) -> None:
        """Make a workflow known; all have to be before the engine takes up what was left."""

        @DBOS.workflow(name=work.kind.workflow)
        async def run(work_id: str) -> str:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine that runs has a task
            self._under_way.add(task)
            try:
                return await work.run(work_id)
            finally:
                self._under_way.discard(task)

    async def stop(self, *, drain_seconds: float) -> None:
        """Let running work finish for a while; what is unfinished goes on at the next start."""
        self.is_running = False
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=drain_seconds)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # The engine had lent its threads to the event loop, and has taken them along.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        # Cancelled work has no outcome, so the engine still holds it as pending. It must not go on
        # here: with its clients closed it would take that for a failure, and tell people of it.
        for task in (left := set(self._under_way)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def enqueue(self, kind: WorkKind, work_id: str) -> None:
        """Hand a piece of work to the engine; the same id twice is run once."""
        options: EnqueueOptions = {
            "workflow_name": kind.workflow,
            "queue_name": kind.queue,
            "workflow_id": work_id,
        }
        await DBOS.enqueue_workflow_with_options_async(options, work_id)

    async def holders(self) -> set[str]:
        """Name the executors that hold work that has not ended."""
        held = await DBOS.list_workflows_async(
            status="PENDING", load_input=False, load_output=False
        )
        return {each.executor_id for each in held if each.executor_id}

    async def take_over(self, executor_id: str) -> int:
        """Resume what a dead executor left running; gives how many workflows that were."""
        stranded = await DBOS.list_workflows_async(
            status="PENDING", executor_id=executor_id, load_input=False, load_output=False
        )
        if stranded:
            await DBOS.resume_workflows_async([each.workflow_id for each in stranded])
        return len(stranded)

    async def forget_ended(self, before: datetime, limit: int) -> int:
        """Remove what the engine kept of work that ended before then; gives how much it was.

        The store knows by itself what is done: work that was handed over once never is again.
        """
        ended = await DBOS.list_workflows_async(
            status=list(ENDED),
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if ended:
            await DBOS.delete_workflows_async([each.workflow_id for each in ended])
        return len(ended)


async def run_step(name: str, step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - JSON
    """Run a step of the running workflow, or give what it gave when it ran before."""

    async def attempt() -> Any:  # noqa: ANN401 - JSON
        return await step()

    options: StepOptions = {"name": name}
    return await DBOS.run_step_async(options, attempt)


def engine_url(store_url: URL) -> URL:
    """Name the engine's database: the store's own on PostgreSQL, else a file beside it."""
    path = sqlite_path(store_url)
    url = sync_url(store_url)
    return url.set(database=str(path.with_name(f"{path.stem}-jobs.db"))) if path else url


def _switch_to_wal(url: URL) -> None:
    """Set the journal mode, which stays with the file: the engine leaves it at DELETE."""
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, record: object) -> None:  # noqa: ANN401 - DBAPI's own
        del record
        connection.execute("PRAGMA journal_mode=WAL")

    with engine.connect():
        engine.dispose()
