"""The demo's page as a picture, drawn by the same code as for a browser; it loads nothing."""

import asyncio
import base64
from pathlib import Path

from bot.cli.demo_page import DemoProduct
from bot.cli.demo_worker import WorkerProcess
from bot.cli.stage import AGENT_ID
from bot.sandbox.delivery import SignedPosts
from bot.sandbox.page.document import Shown, document
from bot.sandbox.page.scene import Names, Viewpoint, World
from bot.sandbox.page.server import STYLES
from bot.sandbox.page.traffic import WatchedDelivery
from bot.sandbox.page.trials import Story as PlayedStory
from bot.sandbox.page.why import Versions
from bot.sandbox.person import SlackPerson
from bot.sandbox.render.markup import Html
from tests.pictures.story import ADMIN, AGENT, ANALYST, QUALITY, SUPPORT, Story

BILLING = "C0BILLING0"
"""A conversation without earlier messages."""
SIZE_PX = (1280, 860)
DARK = "(prefers-color-scheme: dark)"


async def demo_page(story: Story) -> Html:
    """A person who is not cleared made a request, and presses *Why?*."""
    workspace, polyai = story.workspace, story.stage.polyai
    workspace.add_channel(BILLING, members=[ANALYST, AGENT], is_private=True)
    call = story.call()
    names = Names(
        people={ANALYST: "Quality analyst", AGENT: "Support agent", ADMIN: "Workspace admin"},
        channels={
            QUALITY: ("quality", "private"),
            SUPPORT: ("support", "private"),
            BILLING: ("billing", "private"),
        },
        hint=call,
        agent_id=AGENT_ID,
        cleared=ANALYST,
        uncleared=AGENT,
        admin=ADMIN,
    )
    posts = SignedPosts(f"{story.stage.origin}/slack/events", workspace.signing_secret)
    watched = WatchedDelivery(posts)
    people = SlackPerson(workspace, watched)
    product = DemoProduct(story.stage, WorkerProcess({}, Path()))
    delivery = await story.ask(AGENT, BILLING, call, people=people)
    shown = Shown(
        modal=None,
        errors={},
        results={},
        story=PlayedStory(product, people, asyncio.Lock()),
        versions=Versions(polyai),
        check=None,
        state="",
    )
    place = Viewpoint(AGENT, BILLING, asks_why=delivery.parent_ts or "")
    style = Html("\n".join(path.read_text() for path in STYLES))
    drawn = await document(
        World(workspace, polyai, names), product, watched, place, shown, style=style
    )
    return with_sound(drawn, story)


def with_sound(drawn: Html, story: Story) -> Html:
    """Embed each recording in the page, so that its player shows its length."""
    for file in story.workspace.recordings:
        sound = f"data:audio/wav;base64,{base64.b64encode(file.content).decode()}"
        drawn = Html(drawn.replace(f"/audio/{file.id}?as={AGENT}", sound))
    return drawn


def is_document(drawn: Html) -> bool:
    return drawn.startswith("<!doctype html>")


def in_theme(drawn: Html, theme: str) -> str:
    """As a browser with this theme shows it."""
    return drawn.replace(DARK, "all" if theme == "dark" else "not all")
