"""The whole document: chat on the left, glass wall on the right."""

from collections.abc import Mapping

from bot.sandbox.objects import View
from bot.sandbox.page import chat
from bot.sandbox.page.product import Product
from bot.sandbox.page.scene import Viewpoint, World
from bot.sandbox.page.traffic import WatchedDelivery, traffic
from bot.sandbox.page.trials import TrialEnd
from bot.sandbox.page.wall import NEWEST, trial_buttons, wall, within
from bot.sandbox.render.markup import Html, join, tag


async def document(
    world: World,
    product: Product,
    delivery: WatchedDelivery,
    place: Viewpoint,
    *,
    modal: View | None,
    errors: Mapping[str, str],
    results: Mapping[str, TrialEnd | None],
    state: str,
) -> Html:
    """Draw the page for one person in one place."""
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
    trials = trial_buttons(results, place)
    beside = tag("aside", wall(steps, audit, verdict, trials, reader), aria_label="Glass wall")
    body = tag(
        "body",
        chat.sidebar(world, place, cleared),
        main,
        beside,
        chat.modal(modal, errors, world, place),
        tag("div", id="told", role="status", aria_live="polite"),
        class_="sandbox",
        data_state=state,
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · callaudio sandbox"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="/style.css"),
        tag("script", src="/live.js", defer=""),
    )
    return join(Html("<!doctype html>"), tag("html", tag("head", head), body, lang="en"))
