"""The command tree: what `--help` lists, and what a command makes the process import."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.app import ENTRIES, build_cli
from tests.cli.conftest import invoke
from tests.tables import each_row

ROOT = Path(__file__).parents[2]
HEAVY = {"sqlalchemy", "alembic", "aiohttp", "slack_bolt", "numpy", "PIL", "psycopg", "uvicorn"}

FULL = Path("/dev/full")


def imported_by(*commands: list[str]) -> set[str]:
    """Run commands in a separate process; returns the names of all modules they imported."""
    script = (
        "import sys\nfrom bot.__main__ import main\n"
        f"for arguments in {commands!r}:\n"
        "    sys.argv = ['callaudio', *arguments]\n"
        "    try:\n        main()\n    except SystemExit:\n        pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(done.stderr.split())


def test_help_of_the_whole_program_imports_no_command():
    assert not imported_by(["--help"]) & (HEAVY | {entry.module for entry in ENTRIES})


def test_a_command_on_the_store_imports_no_server_and_no_sandbox():
    imported = imported_by(*([command, "--help"] for command in ("grants", "audit", "digests")))
    assert imported >= {"bot.cli.grants", "bot.cli.audit", "bot.cli.digests"}
    assert not imported & {"uvicorn", "slack_bolt", "aiohttp", "numpy", "PIL", "bot.sandbox"}


@each_row("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_help_line_of_a_command_equals_the_docstring_in_its_module(entry):
    builder = getattr(import_module(entry.module), entry.builder)
    told = builder().info.help if entry.is_group else builder.__doc__.splitlines()[0]
    assert entry.help == told


def test_help_of_the_program_and_of_the_built_commands_list_the_same_commands():
    def listed(cli) -> list[str]:
        return CliRunner().invoke(cli, ["--help"]).output.splitlines()

    assert sorted(listed(build_cli([]))) == sorted(listed(build_cli()))


def test_help_lists_the_commands_in_order_of_use_and_no_type_of_an_option_without_a_value():
    called = ([], ["demo"], ["grants"], ["grants", "list"])
    printed = [invoke(*each, "--help").output for each in called]
    assert re.findall(r"─ ([A-Z].+?) ─", printed[0])[1:] == [
        "Start here", "Rights and digests", "In production", "Audit and redaction"
    ]  # fmt: skip
    assert re.findall(r"^│ ([a-z][a-z-]+)  ", printed[0], re.MULTILINE) == [
        each.name for each in ENTRIES
    ]
    assert [each for each in printed if "bool" in each] == []
    assert [each for each in printed if "--help" not in each] == []


@each_row(("group", "listed"), [([], "migrate"), (["grants"], "revoke"), (["audit"], "verify")])
def test_without_a_command_the_commands_are_listed(group, listed):
    assert listed in invoke(*group).output


@each_row(
    ("command", "needed"),
    [
        (["grants", "deny"], {"--team", "--reason"}),
        (["digests", "add"], {"--team", "--channel", "--at", "--zone", "--owner"}),
        (["audit", "seal"], {"--team", "--before"}),
        (["canary", "thaw"], {"--reason"}),
        (["check-redaction"], {"conversation"}),
    ],
)
def test_a_command_without_what_it_needs_lists_all_of_it(command, needed):
    result = invoke(*command)
    assert result.exit_code == 2
    assert set(re.findall(r"│ \*\s+(\S+) ", result.output)) == needed


def test_a_mistyped_command_is_answered_with_the_nearest_one():
    result = invoke("grnats")
    assert result.exit_code == 2
    assert "grants" in result.output


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_output_to_a_full_disk_is_reported_in_a_sentence():
    with FULL.open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "bot", "--version"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.returncode == 1
    assert ended.stderr == "There is no room on the disk for the output, which is incomplete.\n"
