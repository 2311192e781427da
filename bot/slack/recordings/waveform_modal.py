"""The modal of *Waveform*: the picture, and where the recording is muted."""

from typing import Final

from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.lookups.waveform_viewer import WaveformShown
from bot.slack import wording
from bot.slack.blocks import Block, View, context, modal, section

TITLE: Final = "Waveform"
LISTED: Final = 60
"""Lines have at most 40 characters, so all fit into the 3000 of a section."""


def view(shown: WaveformShown) -> View:
    """The modal with its picture."""
    parts = [
        wording.code(shown.conversation_id),
        f"*{wording.outcome(shown.outcome)}*",
        wording.length(shown.length_seconds),
    ]
    heading = section(" · ".join(part for part in parts if part))
    return modal(TITLE, [heading, _picture(shown), *_list_of(shown.muted)])


def _picture(shown: WaveformShown) -> Block:
    fact = wording.muted(shown.muted)
    alt_text = f"Waveform of the {wording.outcome(shown.outcome)} recording" + (
        f": {fact}" if fact else ""
    )
    return {"type": "image", "slack_file": {"id": shown.picture_file_id}, "alt_text": alt_text}


def _list_of(muted: SpanSummary | None) -> list[Block]:
    fact = wording.muted(muted)
    if muted is None or fact is None:
        return []
    lines = [f"• {_line(span)}" for span in muted.kept[:LISTED]]
    blocks = [section("\n".join([f"{fact.capitalize()}:", *lines]))]
    if not muted.all_kept:
        blocks.append(context("There are too many to list: near ones are taken together."))
    elif muted.count > LISTED:
        blocks.append(context(f"… and {muted.count - LISTED} more, shaded in the picture."))
    return blocks


def _line(span: Span) -> str:
    start, end = wording.instant(span.start_seconds), wording.instant(span.end_seconds)
    return f"{start} to {end} ({span.end_seconds - span.start_seconds:.1f} s)"
