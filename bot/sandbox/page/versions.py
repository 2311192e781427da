"""Both versions of a recording at PolyAI, side by side."""

from typing import Final

from bot.sandbox.page.product import DecisionShown
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.recordings import Direction
from bot.sandbox.render.markup import Html, join, tag
from bot.sandbox.render.waveform import muted_spans, waveform

MOST_KEPT: Final = 16
Drawn = tuple[Html, Html, str]


class Versions:
    """Draws both versions, and caches the drawings, because each change redraws the page."""

    def __init__(self, polyai: PolyAISandbox) -> None:
        self._polyai = polyai
        self._drawn: dict[tuple[str, Direction], Drawn] = {}

    def of(self, decision: DecisionShown) -> Html:
        """Draw both versions of the call of a decision, if there is one.

        The delivered version is marked.
        """
        drawn = self._draw(decision.conversation_id, decision.direction)
        if drawn is None:
            return join()
        raw, redacted, where = drawn
        rows = [
            tag("figure", tag("figcaption", name, *_sent(name, decision)), picture)
            for name, picture in (("Raw", raw), ("Redacted", redacted))
        ]
        about = f"What PolyAI has; nobody in the workspace sees this. Muted: {where}."
        return tag("div", *rows, tag("small", about), class_="versions")

    def _draw(self, conversation_id: str, direction: Direction) -> Drawn | None:
        key = (conversation_id, direction)
        if key not in self._drawn:
            found = [c for (_, each), c in self._polyai.calls.items() if each == conversation_id]
            if not found or found[0].recording is None:
                return None
            recording = found[0].recording
            raw, redacted = (
                b"".join(recording.pieces(direction, redacted=each)) for each in (False, True)
            )
            spans = muted_spans(raw, redacted)
            where = ", ".join(f"{begin:.1f} to {end:.1f} s" for begin, end in spans) or "nothing"
            self._drawn[key] = (
                waveform(raw, (), "The raw recording"),
                waveform(redacted, spans, f"The redacted recording; muted: {where}"),
                where,
            )
            if len(self._drawn) > MOST_KEPT:
                del self._drawn[next(iter(self._drawn))]
        return self._drawn[key]


def _sent(name: str, decision: DecisionShown) -> list[Html]:
    return [tag("b", "sent")] if decision.outcome == name.lower() else []
