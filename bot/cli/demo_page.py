"""The demo's page, served on loopback only."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn

from bot.cli.demo_product import DemoProduct
from bot.cli.demo_script import PAGE_NAMES
from bot.cli.demo_worker import WorkerProcess
from bot.cli.stage import LOOPBACK, QuietServer, Stage
from bot.sandbox.delivery import SignedPosts
from bot.sandbox.page.scene import World
from bot.sandbox.page.server import SandboxPage
from bot.sandbox.page.traffic import WatchedDelivery


@asynccontextmanager
async def open_page(stage: Stage, worker: WorkerProcess, port: int = 0) -> AsyncIterator[str]:
    """Serve the page of a running stage; gives its address. Port 0 picks a free one."""
    workspace = stage.workspace
    posts = SignedPosts(f"{stage.origin}/slack/events", workspace.signing_secret)
    names = replace(PAGE_NAMES, channels=dict(PAGE_NAMES.channels))
    world = World(workspace, stage.polyai, names)
    product = DemoProduct(stage, worker)
    page = SandboxPage(world, product, WatchedDelivery(posts), stage.slack.faults)
    with socket.create_server((LOOPBACK, port)) as listener:
        config = uvicorn.Config(
            page.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
        server = QuietServer(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.is_up.wait()
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
        finally:
            page.close()
            server.should_exit = True
            await task
