"""The command line in this process, with an environment of its own."""

from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.cli.app import build_cli

Run = Callable[..., Result]
COMPLETE = {
    "SLACK_BOT_TOKEN": "xoxb-Zq7vB2nL9xK4",
    "SLACK_SIGNING_SECRET": "Zq7vB2nL9xK4signing",
    "POLYAI_REGION": "us",
    "POLYAI_AGENT_ID": "PROJECT-1",
    "POLYAI_API_KEY": "Zq7vB2nL9xK4plain",
}


def invoke(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(build_cli(arguments), list(arguments))


@pytest.fixture
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting of this machine reaches a command; tables are as wide as they need to be."""
    for name in (
        "DATABASE_URL",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "CALLAUDIO_ADMINS",
        "PORT",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "operator")
    monkeypatch.setenv("COLUMNS", "300")
    return monkeypatch


@pytest.fixture
def run(empty_environment: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """Run a command on a migrated database."""
    empty_environment.setenv("DATABASE_URL", sqlite_url)
    return invoke
