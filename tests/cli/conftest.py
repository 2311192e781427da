"""The command line in this process, with an environment of its own."""

import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from bot.cli.app import build_cli
from bot.logs import QUIET_LOGGERS

Run = Callable[..., Result]


@pytest.fixture
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting of this machine reaches a command; tables are as wide as they need to be."""
    for name in ("DATABASE_URL", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "operator")
    monkeypatch.setenv("COLUMNS", "300")
    return monkeypatch


@pytest.fixture
def run(empty_environment: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """Run a command on a migrated database."""
    empty_environment.setenv("DATABASE_URL", sqlite_url)

    def run_command(*arguments: str) -> Result:
        return CliRunner().invoke(build_cli(), list(arguments))

    return run_command


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    names = (*QUIET_LOGGERS, "slack_bolt.RequestVerification")
    root = logging.root
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])
        logging.getLogger(name).handlers.clear()
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
