"""Whole static pages: a channel, a thread, a modal, an App Home; they load nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bot.sandbox import render
from bot.sandbox.render.blocks import blocks
from bot.sandbox.render.markup import Html, join, tag
from bot.sandbox.render.messages import APP_ICON, ephemeral, message, reply_count
from bot.sandbox.render.mrkdwn import text_object
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace

Theme = Literal["light", "dark"]
WIDTH_PX = 760
_STYLE = Path(render.__file__).with_name("style.css")


def page(*panels: Html, theme: Theme = "light") -> Html:
    """Draw a document with the panels below one another."""
    head = join(
        tag("meta", charset="utf-8"),
        tag("title", "callaudio"),
        tag("style", Html(_STYLE.read_text()), Html(f"body {{ width:{WIDTH_PX}px; }}")),
    )
    return join(
        Html("<!doctype html>"),
        tag("html", tag("head", head), tag("body", *panels), lang="en", data_theme=theme),
    )


def channel_page(workspace: Workspace, channel_id: str, reader: Reader, *, since: str = "") -> Html:
    """Draw a conversation from the ``since`` ts on, with the person's private notes.

    Replies are not shown, only the link to their thread, as in the client.
    """
    shown = [each for each in workspace.messages(channel_id) if each.ts >= since]
    entries = {
        each.ts: message(
            workspace,
            each,
            reader,
            repliers=[reply.user for reply in shown if reply.thread_ts == each.ts],
        )
        for each in shown
        if each.thread_ts is None
    }
    entries |= {
        note.ts: ephemeral(workspace, note, reader)
        for note in workspace.ephemerals
        if (note.channel, note.user) == (channel_id, reader.user_id) and note.ts >= since
    }
    drawn = [entries[ts] for ts in sorted(entries)]
    return _window(_title(workspace, channel_id, reader), *drawn)


def thread_page(workspace: Workspace, channel_id: str, thread_ts: str, reader: Reader) -> Html:
    """Draw a thread: its parent and every reply."""
    parent, *replies = workspace.messages(channel_id, thread_ts)
    count = tag("span", reply_count(len(replies)))
    between = [tag("div", count, class_="between")] if replies else []
    title = join("Thread ", tag("span", _title(workspace, channel_id, reader), class_="where"))
    return _window(
        title,
        message(workspace, parent, reader),
        *between,
        *(message(workspace, reply, reader) for reply in replies),
    )


def modal_page(view: Mapping[str, Any], reader: Reader) -> Html:
    """Draw a modal: its title, its blocks and its buttons."""
    cross = tag("path", d="M3 3 13 13M13 3 3 13", stroke="currentColor", stroke_width=1.6)
    title = tag("strong", text_object(view["title"], reader))
    top = tag("div", title, tag("svg", cross, viewBox="0 0 16 16"), class_="title")
    buttons = [
        tag("span", text_object(view[name], reader), class_=look)
        for name, look in (("close", "button"), ("submit", "button primary"))
        if view.get(name)
    ]
    foot = [tag("div", *buttons, class_="foot")] if buttons else []
    return tag("div", top, blocks(view["blocks"], reader), *foot, class_="panel modal")


def home_page(view: Mapping[str, Any], reader: Reader) -> Html:
    """Draw the app's Home tab."""
    icon = tag("span", APP_ICON, class_="avatar app-icon")
    tabs = [tag("span", name) for name in ("Messages", "About")]
    return tag(
        "div",
        tag("div", icon, tag("strong", "callaudio"), class_="title"),
        tag("div", tag("span", "Home", class_="open"), *tabs, class_="tabs"),
        blocks(view["blocks"], reader),
        class_="panel home",
    )


def _window(title: str, *entries: Html) -> Html:
    top = tag("div", tag("strong", title), class_="title")
    return tag("div", top, tag("div", *entries, class_="entries"), class_="panel")


def _title(workspace: Workspace, channel_id: str, reader: Reader) -> Html:
    if workspace.channels[channel_id].is_im:
        return join(reader.name(workspace.bot_user_id))
    return join("# ", reader.name(channel_id))
