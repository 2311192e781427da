"""The demo's page, served on loopback only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn

from bot.cli.demo_product import DemoProduct
from bot.cli.demo_script import PAGE_NAMES
from bot.cli.demo_worker import WorkerProcess
from bot.cli.loopback_server import serve_on_loopback
from bot.cli.stage import Stage
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
    config = uvicorn.Config(
        page.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    async with serve_on_loopback(config, port) as origin:
        try:
            yield f"{origin}/"
        finally:
            page.close()
