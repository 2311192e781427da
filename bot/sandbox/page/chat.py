"""The chat part of the page: people, channels, messages, the composer, modals and the Home."""

from collections.abc import Mapping

from bot.sandbox.objects import Ephemeral, Message, View
from bot.sandbox.page.scene import Viewpoint, World, fields_of
from bot.sandbox.render.blocks import blocks
from bot.sandbox.render.markup import Html, UnrenderableError, hidden, join, tag
from bot.sandbox.render.messages import ephemeral, message
from bot.sandbox.render.mrkdwn import text_object
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace

Cleared = Mapping[str, bool | None]


def sidebar(world: World, place: Viewpoint, cleared: Cleared) -> Html:
    """Draw the choice of a person, and the conversations."""
    people = [
        _link(
            name,
            place.link(**{"as": each, "in": world.near(place.channel_id, each)}),
            badge(cleared.get(each)),
            now=each == place.user_id,
        )
        for each, name in world.names.people.items()
    ]
    direct = world.direct_messages(place.user_id)
    places = {
        **world.names.channels,
        **({direct: ("callaudio", "direct messages")} if direct else {}),
    }
    channels = [
        _link(
            ("# " if key != direct else "") + name,
            place.link(**{"in": key}),
            tag("small", about, _who_hears(world, place, key, cleared)),
            now=key == place.channel_id and not place.is_home,
        )
        for key, (name, about) in places.items()
    ]
    home = _link("callaudio Home", place.link(home="1"), join(), now=place.is_home)
    return tag(
        "nav",
        tag("h2", "You are"),
        tag("ul", *people),
        tag("h2", "Channels"),
        tag("ul", *channels),
        tag("h2", "App"),
        tag("ul", home),
        id="sidebar",
        aria_label="People and channels",
    )


def _who_hears(world: World, place: Viewpoint, channel_id: str, cleared: Cleared) -> str:
    """Word whether all in a private channel are cleared, and whether the person is in it."""
    channel = world.workspace.channels[channel_id]
    if not channel.is_private or channel.is_im:
        return ""
    is_safe = all(cleared.get(each) for each in channel.members)
    words = ", all cleared" if is_safe else ", not all cleared"
    return words if world.shows(channel_id, place.user_id) else f"{words}; without you"


def timeline(world: World, place: Viewpoint, cleared: Cleared) -> Html:
    """Draw the channel as the person sees it, with open threads."""
    workspace, reader = world.workspace, world.reader(place.user_id)
    channel = workspace.channels[place.channel_id]
    if not world.shows(channel.id, place.user_id):
        note = "You are not in this private channel, so you see nothing of it."
        return tag("div", tag("p", note, class_="empty"), id="timeline")
    said = workspace.messages(place.channel_id)
    rows: list[tuple[str, Html]] = []
    for each in said:
        drawn = _drawn(workspace, each, reader)
        rows.append((f"{each.thread_ts or each.ts} {each.ts}", _row(drawn, each, place)))
    rows += [
        (f"{note.ts} {note.ts}", _row(ephemeral(workspace, note, reader), note, place))
        for note in workspace.ephemerals
        if (note.channel, note.user) == (place.channel_id, place.user_id)
    ]
    members = [
        tag("li", reader.name(each), " ", badge(cleared.get(each))) for each in channel.members
    ]
    who = tag("ul", *members, class_="members", aria_label="Members of this channel")
    entries = [drawn for _, drawn in sorted(rows, key=lambda row: row[0])]
    empty = tag("p", "Nothing here yet: send the command below.", class_="empty")
    return tag("div", who, *(entries or [empty]), id="timeline")


def composer(world: World, place: Viewpoint) -> Html:
    """Draw the field for messages and commands."""
    typed = f"/callaudio {world.names.hint}"
    field = tag(
        "input", name="text", value=typed, aria_label="Message or command", autocomplete="off"
    )
    send = tag("button", "Send", type="submit", class_="button primary")
    find = tag("button", "Find a call", type="submit", class_="button", formaction="/shortcut")
    return tag(
        "form", *_place(place), field, send, find, action="/say", method="post", id="composer"
    )


def modal(view: View | None, errors: Mapping[str, str], world: World, place: Viewpoint) -> Html:
    """Draw the person's open modal, if any."""
    if view is None:
        return tag("div", id="modal")
    reader = world.reader(place.user_id)
    title = tag("div", tag("strong", text_object(view.body["title"], reader)), class_="title")
    wrong = [tag("p", words, class_="wrong", role="alert") for words in errors.values()]
    close = tag(
        "button", "Close", type="submit", formaction="/close", class_="button", formnovalidate=""
    )
    buttons = [close]
    if view.body.get("submit"):
        words = text_object(view.body["submit"], reader)
        buttons.append(
            tag("button", words, type="submit", formaction="/submit", class_="button primary")
        )
    form = tag(
        "form",
        *_place(place),
        hidden("view", view.id),
        title,
        *wrong,
        blocks(view.body["blocks"], reader),
        tag("div", *buttons, class_="foot"),
        action="/press",
        method="post",
        class_="panel modal",
    )
    inside = tag("div", form, role="dialog", aria_modal="true", aria_label="Modal", class_="veil")
    return tag("div", inside, id="modal")


def home(world: World, place: Viewpoint) -> Html:
    """Draw the app's Home tab."""
    view = world.workspace.homes.get(place.user_id)
    if view is None:
        return tag("div", tag("p", "The Home opens…", class_="empty"), id="timeline")
    reader = world.reader(place.user_id)
    form = tag(
        "form",
        *_place(place),
        hidden("view", view.id),
        blocks(view.body["blocks"], reader),
        action="/press",
        method="post",
        class_="home",
        id="home",
    )
    return tag("div", form, id="timeline")


def badge(is_cleared: bool | None) -> Html:  # noqa: FBT001 - three answers, one of them None
    """Draw whether a person may hear raw."""
    if is_cleared:
        return tag("span", "cleared", class_="tick yes")
    return tag("span", "not cleared", class_="tick no")


def _drawn(workspace: Workspace, shown: Message, reader: Reader) -> Html:
    """Draw a message; one that cannot be drawn is replaced by a note."""
    try:
        return message(workspace, shown, reader)
    except UnrenderableError as error:
        return tag("p", f"A message that this page cannot draw ({error}).", class_="empty")


def _row(drawn: Html, shown: Message | Ephemeral, place: Viewpoint) -> Html:
    is_private = isinstance(shown, Ephemeral)
    tools: list[Html] = []
    if not is_private:
        why = f"{place.link(why=shown.ts)}#why"
        tools = [
            tag("a", "Why?", href=why, class_="tool"),
            tag("button", "Get call audio", type="submit", formaction="/shortcut", class_="tool"),
        ]
    is_reply = not is_private and getattr(shown, "thread_ts", None)
    look = "row reply" if is_reply else "row"
    if shown.ts == place.asks_why:
        look += " selected"
    which = [hidden("ts", shown.ts), hidden("private", "1" if is_private else "")]
    parts = [*_place(place), *which, drawn, tag("div", *tools, class_="tools")]
    key = f"m{shown.ts.replace('.', '-')}"
    return tag("form", *parts, action="/press", method="post", class_=look, id=key)


def _place(place: Viewpoint) -> list[Html]:
    return [*fields_of(place), *([hidden("home", "1")] if place.is_home else [])]


def _link(words: str, href: str, beside: Html, *, now: bool) -> Html:
    current = "page" if now else None
    return tag("li", tag("a", tag("span", words), beside, href=href, aria_current=current))
