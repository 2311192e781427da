"""Files as the client shows them: recordings with a player, pictures, texts."""

import base64
import io
import wave

from bot.sandbox.objects import File
from bot.sandbox.render.markup import Block, Html, UnrenderableError, join, tag
from bot.sandbox.render.reader import Reader

_MOST_LINES = 20
"""The number of shown lines of a text file."""
_PNG = b"\x89PNG\r\n\x1a\n"


def file_card(file: File, *, plays_from: str = "") -> Html:
    """Draw a shared file; a recording can be played if it has an address.

    Raises:
        UnrenderableError: it is neither a WAV file nor a PNG picture nor a text.
    """
    if file.deleted:
        return tag("div", "This file was deleted.", class_="file gone")
    if file.content.startswith(b"RIFF"):
        return _player(file, plays_from)
    if file.content.startswith(_PNG):
        return tag("div", tag("div", file.title, class_="caption"), _inline(file, file.title))
    if file.name.endswith(".txt"):
        return _text(file)
    raise UnrenderableError(f"file: {file.name}")


def picture(image: Block, reader: Reader) -> Html:
    """Draw an ``image`` block or element from the workspace's own files.

    Raises:
        UnrenderableError: it is not in the workspace (nothing is loaded from outside), or no PNG.
    """
    file_id = (image.get("slack_file") or {}).get("id")
    file = reader.files.get(str(file_id))
    if file is None or file.deleted or not file.content.startswith(_PNG):
        raise UnrenderableError(f"image: {image.get('image_url') or file_id}")
    return _inline(file, str(image["alt_text"]))


def _inline(file: File, alt: str) -> Html:
    content = base64.b64encode(file.content).decode()
    return tag("img", src=f"data:image/png;base64,{content}", alt=alt)


def _text(file: File) -> Html:
    rows = file.content.decode(errors="replace").splitlines()
    shown = rows[:_MOST_LINES] + (["…"] if len(rows) > _MOST_LINES else [])
    name = tag("div", file.title or file.name, class_="name")
    return tag("div", name, tag("pre", "\n".join(shown)), class_="file")


def _player(file: File, plays_from: str) -> Html:
    seconds = round(_seconds(file))
    length = f"{seconds // 60}:{seconds % 60:02}"
    title = file.title or file.name
    if plays_from:
        sound = tag("audio", controls="", preload="metadata", src=plays_from, aria_label=title)
        return tag("div", tag("div", title, class_="name"), sound, class_="file player")
    controls = tag(
        "div",
        tag("span", _PLAY, class_="play"),
        tag("span", "0:00", class_="time"),
        tag("span", tag("i"), class_="bar"),
        tag("span", length, class_="time"),
        class_="controls",
    )
    name = tag("div", title, class_="name")
    kind = join("WAV audio")
    about = tag("div", tag("span", _NOTE, class_="icon"), tag("div", name, tag("small", kind)))
    return tag("div", about, controls, class_="file player")


def _seconds(file: File) -> float:
    try:
        with wave.open(io.BytesIO(file.content)) as audio:
            frames, rate = int(audio.getnframes()), int(audio.getframerate())
    except (wave.Error, EOFError):
        raise UnrenderableError(f"file: {file.name} is no PCM WAV") from None
    return frames / rate


_PLAY = tag("svg", tag("path", d="M5 3.2v9.6l8-4.8z", fill="currentColor"), viewBox="0 0 16 16")
_BARS = ((2, 7, 9), (5, 4, 12), (8, 2, 14), (11, 5, 11), (14, 7, 9))
_NOTE = tag(
    "svg",
    *(
        tag("path", d=f"M{x} {top}V{bottom}", stroke="currentColor", stroke_width=1.7)
        for x, top, bottom in _BARS
    ),
    viewBox="0 0 16 16",
    stroke_linecap="round",
)
