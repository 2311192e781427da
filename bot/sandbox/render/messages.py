"""Messages as the client lists them: author, time, content and files."""

import zlib
from collections.abc import Sequence

from bot.sandbox.objects import Ephemeral, Message
from bot.sandbox.render.blocks import blocks
from bot.sandbox.render.files import file_card
from bot.sandbox.render.markup import Html, join, tag
from bot.sandbox.render.mrkdwn import mrkdwn
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace

_TINTS = 5


def message(
    workspace: Workspace, shown: Message, reader: Reader, *, repliers: Sequence[str] = ()
) -> Html:
    """Draw a message; with the authors of its replies, also the link to its thread."""
    parts = [_words(shown, reader)]
    if shown.edited and not shown.blocks:  # the client does not mark edited blocks
        parts.append(tag("span", "(edited)", class_="edited"))
    for file_id in shown.files:
        plays_from = f"/audio/{file_id}?as={reader.user_id}" if reader.acts else ""
        parts.append(file_card(workspace.file_table[file_id], plays_from=plays_from))
    if repliers:
        faces = [avatar(workspace, user_id, reader) for user_id in dict.fromkeys(repliers)]
        parts.append(tag("div", *faces, reply_count(len(repliers)), class_="replies"))
    return _entry(workspace, shown, reader, *parts)


def ephemeral(workspace: Workspace, shown: Ephemeral, reader: Reader) -> Html:
    """Draw a message that only one person sees."""
    sender = Message(shown.channel, shown.ts, workspace.bot_user_id, shown.text, shown.blocks)
    note = tag("div", _EYE, "Only visible to you", class_="private")
    return _entry(workspace, sender, reader, _words(sender, reader), above=note)


def reply_count(count: int) -> str:
    """Word the number of a thread's replies as the client does."""
    return "1 reply" if count == 1 else f"{count} replies"


def avatar(workspace: Workspace, user_id: str, reader: Reader) -> Html:
    """The square beside a name."""
    if user_id == workspace.bot_user_id:
        return tag("span", APP_ICON, class_="avatar app-icon")
    name = reader.name(user_id)
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    tint = zlib.crc32(user_id.encode()) % _TINTS
    return tag("span", initials, class_=f"avatar tint{tint}")


def _words(shown: Message, reader: Reader) -> Html:
    # Blocks replace the text, which then is only for notifications.
    if shown.blocks:
        return blocks(shown.blocks, reader)
    return tag("div", mrkdwn(shown.text, reader), class_="blocks") if shown.text else join()


def _entry(
    workspace: Workspace, shown: Message, reader: Reader, *parts: Html, above: Html | None = None
) -> Html:
    user = workspace.users.get(shown.user)
    badge = [tag("span", "APP", class_="badge")] if user and user.is_bot else []
    head = tag(
        "div",
        tag("strong", reader.name(shown.user)),
        *badge,
        tag("time", reader.clock_time(shown.ts)),
        class_="head",
    )
    inside = tag("div", *([above] if above else []), head, *parts, class_="inside")
    look = "message ephemeral" if above else "message"
    return tag("div", avatar(workspace, shown.user, reader), inside, class_=look)


_BARS = ((5, 10, 14), (8.5, 7, 17), (12, 4, 20), (15.5, 8, 16), (19, 10.5, 13.5))
APP_ICON = tag(
    "svg",
    *(tag("path", d=f"M{x} {top}V{bottom}") for x, top, bottom in _BARS),
    viewBox="0 0 24 24",
    stroke="currentColor",
    stroke_width=2,
    stroke_linecap="round",
)
_EYE = tag(
    "svg",
    tag("path", d="M1 8s2.5-4.5 7-4.5S15 8 15 8s-2.5 4.5-7 4.5S1 8 1 8z", fill="none"),
    tag("circle", cx=8, cy=8, r=2, fill="none"),
    viewBox="0 0 16 16",
    stroke="currentColor",
    stroke_width=1.4,
)
