"""The addresses, commands and exit codes that programs outside rely on."""

import httpx
import pytest
import typer
from starlette.routing import Route

from bot.cli import console
from bot.cli.app import build_cli
from bot.observability.metrics import Metrics
from bot.slack.operations import Operations
from bot.slack.web import MAX_BODY_BYTES, build_web
from tests.slack.test_web import FORM, open_door


@pytest.fixture
async def door():
    async with open_door() as door:
        yield door


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_the_operators_endpoints_are_read_with_get(door, path):
    assert (await door.client.get(path)).status_code == 200
    assert (await door.client.head(path)).status_code == 200
    assert (await door.client.post(path)).status_code == 405


async def test_slack_posts_to_one_path(door):
    assert (await door.client.get("/slack/events")).status_code == 405
    assert (await door.post("", {}, kind=FORM)).status_code == 401


@pytest.mark.parametrize("path", ["/", "/slack", "/slack/events/", "/docs", "/openapi.json"])
async def test_every_other_path_is_404(door, path):
    response = await door.client.get(path)
    assert response.status_code in {307, 404}
    if response.status_code == 307:
        assert response.headers["location"] == "http://bot/slack/events"


def test_without_slack_only_three_paths_exist():
    web = build_web(operations=Operations(metrics=Metrics(), probes={}), slack=None)
    assert {route.path for route in web.routes if isinstance(route, Route)} == {
        "/healthz",
        "/readyz",
        "/metrics",
    }


def test_the_size_limit_admits_slacks_largest_bodies():
    assert MAX_BODY_BYTES >= 250_000  # the largest view of a modal that Slack sends


def test_the_commands_of_the_contract_exist():
    command = typer.main.get_command(build_cli())
    assert set(command.commands) >= {"run", "web", "worker", "migrate", "doctor", "demo"}
    assert set(command.commands["grants"].commands) == {"add", "deny", "revoke", "list"}
    assert set(command.commands["audit"].commands) == {"list", "export", "verify", "seal"}


def test_each_outcome_of_a_command_has_its_exit_code():
    assert (console.FAILED, console.BAD_USAGE) == (1, 2)


def test_the_transport_of_these_tests_hides_no_exception(door):
    assert isinstance(door.client._transport, httpx.ASGITransport)
    assert door.client._transport.raise_app_exceptions
