"""Whether the pictures in the repository show the bot's current messages."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from bot.sandbox.render.markup import Html
from tests.pictures.pages import page

FOLDER = Path(__file__).parents[2] / ".pictures"
FINGERPRINTS = FOLDER / "fingerprints.json"
THEMES = ("light", "dark")
# The bytes of a drawn picture differ between versions of what draws it; that it is there does not.
# References come from Slack's triggers, and the audit chain from the whole story; both are another
# one each time.
# The demo's page tells of requests in the order and at the time in which they happened to come.
_PASSING = re.compile(
    r'data:(?:image/png|audio/wav);base64,[^"]*|\bd[0-9a-f]{20}\b|\b[0-9]+:[0-9a-f]{18,64}\b'
    r'|\b[0-9]{10}[.-][0-9]{6}\b|<ol class="steps">.*?</ol>'
)


def path_of(name: str, theme: str) -> Path:
    return FOLDER / f"{name}-{theme}.png"


def fingerprint(drawn: Html) -> str:
    """A fingerprint that changes only with the words, the blocks or the style of a page."""
    return hashlib.sha256(_PASSING.sub("…", page(drawn)).encode()).hexdigest()


def remembered() -> dict[str, str]:
    return json.loads(FINGERPRINTS.read_text()) if FINGERPRINTS.exists() else {}


def remember(pages: Mapping[str, Html], names: Collection[str]) -> None:
    """Store the fingerprints of these pictures; those of names without a page are removed."""
    before = remembered()
    taken = {name: fingerprint(pages[name]) for name in names}
    known = {name: taken.get(name) or before.get(name, "never taken") for name in pages}
    FINGERPRINTS.write_text(json.dumps(known, indent=2) + "\n")
