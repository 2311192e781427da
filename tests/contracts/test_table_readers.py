"""The rows of a table are read only by the package they belong to and by those above it."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

from bot.store import tables

ROOT = Path(__file__).parents[2]
# The package to which the rows belong, by the file of their tables.
OWNERS = {
    "access": "access",
    "audit": "audit",
    "deliveries": "recordings",
    "digests": "digests",
    "home": "home",
    "redaction": "recordings",
    "work": "store",
}
# Rows that belong to another package than the rest of their file.
OWNERS_OF = {"AccessRequestRow": "access_requests", "RecentRequestRow": "store"}
# The metrics of waiting work are of all domains, and counted in one place.
ACROSS = {("bot/recordings/deliveries/backlog_metrics.py", "DigestRunRow")}
# `audit verify` compares the rows of all packages with their events, whatever the columns hold.
VERIFIES = re.compile(r"bot/audit/verify_\w+\.py")
NAMED = re.compile(r'\b(?:FROM|JOIN|INTO|UPDATE) (\w+)|\b(?:table|untyped)\(\s*"(\w+)"')
# The command line checks what the product has stored, as operators would.
BY_HAND = {"bot/cli/audit.py", "bot/cli/checks/rights.py", "bot/cli/checks/stored.py"}


def layers() -> dict[str, int]:
    """The level of each package in the contract of imports; the lowest is 0."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (found,) = [
        each["layers"]
        for each in contracts["contracts"]
        if each["type"] == "layers" and "containers" not in each
    ]
    return {
        name.strip().removeprefix("bot."): at
        for at, line in enumerate(reversed(found))
        for name in line.split("|")
    }


def owners() -> dict[str, str]:
    rows = [name for name in tables.__all__ if name.endswith("Row")]
    files = {name: getattr(tables, name).__module__.rpartition(".")[2] for name in rows}
    assert set(files.values()) == set(OWNERS)
    return {name: OWNERS_OF.get(name, OWNERS[file]) for name, file in files.items()}


@cache
def modules() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in (ROOT / "bot").rglob("*.py")
        if path.parent.name != "tables"
    }


def readers_by_name() -> list[tuple[str, str]]:
    """Every module that names a table itself, and the row of the table."""
    rows = {getattr(tables, name).__tablename__: name for name in owners()}
    named = (
        (path, "".join(each)) for path, text in modules().items() for each in NAMED.findall(text)
    )
    return [(path, rows[name]) for path, name in named if name in rows and not VERIFIES.match(path)]


@cache
def readers() -> list[tuple[str, str]]:
    """Every module that imports a row, and the row."""
    return sorted(
        (path, each.name)
        for path, text in modules().items()
        if "bot.store.tables" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module == "bot.store.tables"
        for each in node.names
        if each.name.endswith("Row")
    )


def test_no_package_reads_the_rows_of_one_above_it():
    found, height, of = readers() + readers_by_name(), layers(), owners()
    assert len(readers()) > 30
    assert len(readers_by_name()) > 5
    assert [
        (path, row)
        for path, row in found
        if height[path.split("/")[1]] < height[of[row]] and (path, row) not in ACROSS
    ] == []


def test_the_surfaces_read_no_rows_at_all():
    apart = {"slack", "wiring", "cli"}
    found = {path for path, _ in readers() if path.split("/")[1] in apart}
    assert found == {*BY_HAND, "bot/slack/web_api/rate_limit_stores.py"}
