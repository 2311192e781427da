"""The durable job engine (DBOS): started, stopped, and fed by id."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from dbos import DBOS, DBOSConfig, EnqueueOptions, StepOptions
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL

from bot.jobs.checkpoints import PlainJson
from bot.store.database import sqlite_path
from bot.store.schema import sync_url

APP_NAME: Final = "callaudio"
# Raised only for a change that a workflow begun before it could not go on with.
WORKFLOW_VERSION: Final = "1"
DELIVER: Final = "deliver_recording"
QUEUE: Final = "deliveries"
QUEUE_POLL_SECONDS: Final = 0.1
# Nothing here uses the engine's messages; its thread for them sleeps so long before it can end.
IDLE_POLL_SECONDS: Final = 0.05


class Engine:
    """DBOS on the same PostgreSQL (schema ``dbos``) or in a SQLite file beside the store's."""

    def __init__(self, *, store_url: URL, executor_id: str, max_concurrent: int) -> None:
        self._url = engine_url(store_url)
        self._executor_id = executor_id
        self._max_concurrent = max_concurrent
        self._under_way: set[asyncio.Task[Any]] = set()
        self.is_running = False

    async def start(self, deliver: Callable[[str], Awaitable[str]]) -> None:
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
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": IDLE_POLL_SECONDS,
        }
        DBOS(config=config)

        @DBOS.workflow(name=DELIVER)
        async def deliver_recording(delivery_id: str) -> str:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine that runs has a task
            self._under_way.add(task)
            try:
                return await deliver(delivery_id)
            finally:
                self._under_way.discard(task)

        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=self._max_concurrent,
            polling_interval_sec=QUEUE_POLL_SECONDS,
            on_conflict="always_update",
        )
        self.is_running = True

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

    async def enqueue(self, delivery_id: str) -> None:
        """Hand a delivery to the engine; the same one twice is run once."""
        options: EnqueueOptions = {
            "workflow_name": DELIVER,
            "queue_name": QUEUE,
            "workflow_id": delivery_id,
        }
        await DBOS.enqueue_workflow_with_options_async(options, delivery_id)

    async def take_over(self, executor_id: str) -> int:
        """Resume what a dead executor left running; gives how many workflows that were."""
        stranded = await DBOS.list_workflows_async(
            status="PENDING", executor_id=executor_id, load_input=False, load_output=False
        )
        if stranded:
            await DBOS.resume_workflows_async([each.workflow_id for each in stranded])
        return len(stranded)


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
