"""Spans contain the called service, its status and the request's reference, and nothing else."""

import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from packaging.requirements import Requirement

from bot.observability.logs import bound_to_logs
from bot.observability.tracing import AllowedSpans, safe_url, start_tracing, trace_with
from bot.polyai.transport import build_http_client
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.web_api.api import SlackApi, build_client, build_session
from tests.tables import each_row

ROOT = Path(__file__).parents[2]
UPLOAD = "https://files.slack.com/upload/v1/CwABAAAAXQoAAeSecret"
RESPONSE = "https://hooks.slack.com/commands/T1/2/secretOfAResponse"
AUDIO = "https://api.us.poly.ai/v1/agents/PROJECT-1/conversations/+447700900123/audio?redacted=true"


@each_row(
    ("url", "shown"),
    [
        (UPLOAD, "https://files.slack.com"),
        (RESPONSE, "https://hooks.slack.com"),
        (AUDIO, "https://api.us.poly.ai"),
        ("https://slack.com/api/chat.postMessage", "https://slack.com/api/chat.postMessage"),
        ("https://u:p@slack.com/api/files.info?token=x", "https://slack.com/api/files.info"),
    ],
)
def test_a_span_shows_the_host_and_slacks_method_only(url, shown):
    assert safe_url(url) == shown


def test_nothing_is_loaded_unless_tracing_is_configured():
    stop = start_tracing({})
    stop()
    assert stop.__name__ == "_nothing"


def test_each_instrumentation_accepts_the_installed_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {Requirement(each).name for each in project["optional-dependencies"]["otel"]}
    found = entry_points(group="opentelemetry_instrumentor")
    ours = [each.load()() for each in found if each.dist and each.dist.name in extra]
    needed = [Requirement(text) for each in ours for text in each.instrumentation_dependencies()]
    assert needed
    assert [str(each) for each in needed if version(each.name) not in each.specifier] == []


async def test_no_url_id_word_or_number_of_a_call_is_exported():
    kept = InMemorySpanExporter()
    workspace = Workspace()
    stop = trace_with(SimpleSpanProcessor(AllowedSpans(kept)))
    try:
        async with SlackSandbox(workspace) as slack, build_session() as session:
            api = SlackApi(build_client(workspace.bot_token, slack.url, session))
            with bound_to_logs(reference="d0123456789abcdef0123"):
                await api.call_with_retries("auth.test")
            async with build_http_client(1) as http:
                for path in ("/upload/v1/secretOfAnUpload", "/commands/T1/2/secretOfAResponse"):
                    await http.post(f"{slack.origin}{path}", content=b"+447700900123")
                with pytest.raises(httpx.TransportError):
                    await http.get("http://127.0.0.1:1/v1/agents/PROJECT-1/CA0123456789")
        spans = kept.get_finished_spans()
    finally:
        stop()

    assert len(spans) >= 4
    told = " ".join(each.to_json() for each in spans)
    assert "/api/auth.test" in told
    assert "d0123456789abcdef0123" in told
    for secret in ("secretOf", "PROJECT-1", "CA0123", "447700900123", workspace.bot_token):
        assert secret not in told
    assert [each for each in spans if each.events] == []
