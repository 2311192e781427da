"""The audit chain's head, to be written down elsewhere, and the check of the chain."""

from collections.abc import Sequence
from typing import Final

from bot.sandbox.page.product import AuditLine, ChainCheck
from bot.sandbox.page.scene import Viewpoint
from bot.sandbox.render.markup import Html, join, tag

HEAD_SHOWN: Final = 20


def proof(audit: Sequence[AuditLine], check: ChainCheck | None, place: Viewpoint) -> Html:
    """Draw the head, the button that verifies the chain, and the result of the last check."""
    head = audit[-1] if audit else None
    anchor = f"{head.seq}:{head.hash}" if head else ""
    short = tag("code", f"{anchor[:HEAD_SHOWN]}…", title=anchor) if head else "nothing yet"
    about = "Each event is hashed over the one before. Write the head down where nobody can change"
    about = f"{about} it; an event altered later no longer leads to it."
    button = tag("button", "Verify the chain", type="submit", class_="tool")
    here = [
        tag("input", type="hidden", name=name, value=value)
        for name, value in (("as", place.user_id), ("in", place.channel_id))
    ]
    said = [] if check is None else [join(" "), tag("b", *_said(check))]
    form = tag("form", *here, button, *said, action="/verify", method="post", id="verify")
    return tag("div", tag("p", "Head: ", short), tag("p", tag("small", about)), form)


def _said(check: ChainCheck) -> list[str]:
    if check.findings:
        return ["✕ ", "; ".join(check.findings)]
    return [f"✓ {check.events} events, none altered; head {check.head[:HEAD_SHOWN]}…"]
