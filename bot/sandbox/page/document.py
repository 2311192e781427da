"""The whole document: the chat on the left, requests and audit on the right."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.objects import View
from bot.sandbox.page import chat
from bot.sandbox.page.product import ChainCheck, Product
from bot.sandbox.page.scene import Viewpoint, World
from bot.sandbox.page.tools import guide, own_recording, tools
from bot.sandbox.page.traffic import WatchedDelivery, traffic
from bot.sandbox.page.trials import Story, TrialEnd
from bot.sandbox.page.wall import NEWEST, proof, wall, within
from bot.sandbox.page.why import Versions, why
from bot.sandbox.render.markup import Html, join, tag


@dataclass(frozen=True, slots=True)
class Shown:
    """The facts that the page shows besides the workspace."""

    modal: View | None
    errors: Mapping[str, str]
    results: Mapping[str, TrialEnd | None]
    story: Story
    versions: Versions
    check: ChainCheck | None
    state: str
    """The id of the state that the page shows."""


async def document(
    world: World,
    product: Product,
    delivery: WatchedDelivery,
    place: Viewpoint,
    shown: Shown,
    *,
    style: Html | None = None,
) -> Html:
    """Draw the page for one person in one place; with ``style`` it needs no other file."""
    cleared = {each: await product.is_cleared(each) for each in world.names.people}
    audit, steps = await product.audit(NEWEST), traffic(world.workspace, world.polyai, delivery)
    verdict = None
    if place.asks_why:
        verdict = await product.verdict(place.channel_id, place.asks_why)
    if verdict:
        steps = within(steps, audit, verdict)
        audit = [each for each in audit if each.delivery_id == verdict.delivery_id]
    reader = world.reader(place.user_id)
    if place.is_home:
        title, middle = "callaudio Home", chat.home(world, place)
    else:
        title = reader.name(place.channel_id)
        middle = chat.timeline(world, place, cleared)
    can_write = not place.is_home and world.shows(place.channel_id, place.user_id)
    main = tag(
        "main",
        tag("h1", title, tag("small", f"seen by {reader.name(place.user_id)}")),
        middle,
        *([chat.composer(world, place)] if can_write else []),
    )
    beside = tag(
        "aside",
        why(verdict, shown.versions, reader),
        guide(is_open=verdict is None),
        tools(shown.results, shown.story, place),
        own_recording(),
        wall(steps, audit, proof(audit, shown.check, place), reader),
        aria_label="Glass wall",
    )
    body = tag(
        "body",
        chat.sidebar(world, place, cleared),
        main,
        beside,
        chat.modal(shown.modal, shown.errors, world, place),
        tag("div", id="told", role="status", aria_live="polite"),
        class_="sandbox",
        data_state=shown.state,
    )
    links = [
        tag("link", rel="stylesheet", href="/style.css"),
        tag("script", src="/live.js", defer=""),
    ]
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · callaudio sandbox"),
        tag("link", rel="icon", href="data:,"),
        *([tag("style", style)] if style else links),
    )
    return join(Html("<!doctype html>"), tag("html", tag("head", head), body, lang="en"))
