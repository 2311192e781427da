"""Few files request recordings, and only the check of the keys chooses the key by itself."""

import re
from pathlib import Path

from tests.tables import each_row

ROOT = Path(__file__).parents[2]


@each_row(
    ("name", "users"),
    [
        ("open_audio", {"recordings/transfer/relay.py", "recordings/redaction/checking.py"}),
        ("open_to_check", {"polyai/key_check.py", "recordings/redaction/canary.py"}),
        ("with_raw_key", {"polyai/key_check.py"}),
        ("compare_keys", {"polyai/key_check.py", "cli/checks/polyai.py"}),
    ],
)
def test_only_the_delivery_and_the_checks_request_recordings(name, users):
    texts = {path: path.read_text() for path in (ROOT / "bot").rglob("*.py")}
    found = {path for path, text in texts.items() if re.search(rf"\b{name}\b", text)}
    client = ROOT / "bot/polyai/client.py"
    assert {path.relative_to(ROOT / "bot").as_posix() for path in found - {client}} == users
