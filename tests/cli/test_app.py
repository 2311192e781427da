"""The command tree: what `--help` lists, and what a command makes the process import."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.app import ENTRIES, build_cli

ROOT = Path(__file__).parents[2]
HEAVY = {"sqlalchemy", "alembic", "aiohttp", "slack_bolt", "numpy", "PIL", "psycopg", "uvicorn"}


def imported_by(*arguments: str) -> set[str]:
    """Run a command in a process of its own; gives the names of all modules it imported."""
    script = (
        "import sys\nfrom bot.__main__ import main\n"
        f"sys.argv = {['callaudio', *arguments]!r}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(done.stderr.split())


def test_help_of_the_whole_program_imports_no_command():
    assert not imported_by("--help") & (HEAVY | {entry.module for entry in ENTRIES})


@pytest.mark.parametrize("command", ["grants", "audit", "digests"])
def test_a_command_on_the_store_imports_no_server_and_no_sandbox(command):
    imported = imported_by(command, "--help")
    assert f"bot.cli.{command}" in imported
    assert not imported & {"uvicorn", "slack_bolt", "aiohttp", "numpy", "PIL", "bot.sandbox"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_line_of_help_is_the_one_its_module_gives(entry):
    builder = getattr(import_module(entry.module), entry.builder)
    told = builder().info.help if entry.is_group else builder.__doc__.splitlines()[0]
    assert entry.help == told


def test_both_ways_list_the_same_commands():
    def listed(cli) -> str:
        return CliRunner().invoke(cli, ["--help"]).output

    assert listed(build_cli([])) == listed(build_cli())


def test_a_mistyped_command_is_told_with_the_nearest_one():
    result = CliRunner().invoke(build_cli(["grnats"]), ["grnats"])
    assert result.exit_code == 2
    assert "grants" in result.output
