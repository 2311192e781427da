"""Spans of outbound calls, with `callaudio[otel]`: no URL, id or text.

A span is exported only with the attributes in ``KEPT``. Everything else that an instrumentation
adds is dropped: upload and response URLs, conversation ids, exception texts. Statements have no
spans, because no instrumentation supports the pinned SQLAlchemy.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from bot.observability.logs import get_logger

log = get_logger(__name__)

CONFIGURED_BY: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
REFERENCE: Final = "callaudio.reference"
METHOD_PATH: Final = re.compile(r"/api/[a-z]+(?:\.[A-Za-z]+)+")
KEPT: Final = frozenset(
    {
        *("http.method", "http.request.method", "http.status_code", "http.response.status_code"),
        *("http.host", "net.peer.name", "net.peer.port", "server.address", "server.port"),
        *("http.url", "url.full", "error.type"),
        REFERENCE,
    }
)


def start_tracing(environ: Mapping[str, str]) -> Callable[[], None]:
    """Export spans if an ``OTEL_EXPORTER_OTLP_…ENDPOINT`` is set; returns a function that ends it.

    Without the packages of ``callaudio[otel]`` a warning is logged and nothing is traced.
    """
    if not any(environ.get(name) for name in CONFIGURED_BY):
        return _nothing
    try:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 - extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - extra
    except ImportError:
        log.warning("tracing_not_installed", fix="pip install 'callaudio[otel]'")
        return _nothing
    exporter: Any = AllowedSpans(trace_exporter.OTLPSpanExporter())
    return trace_with(BatchSpanProcessor(exporter))


def trace_with(processor: Any) -> Callable[[], None]:  # noqa: ANN401 - of an extra
    """Instrument aiohttp, which httpx uses too; returns a function that ends it."""
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor  # noqa: PLC0415 - extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - extra

    provider = TracerProvider(resource=Resource.create({"service.name": "callaudio"}))
    provider.add_span_processor(processor)
    http = AioHttpClientInstrumentor()
    http.instrument(tracer_provider=provider, url_filter=safe_url, request_hook=_with_reference)

    def stop() -> None:
        http.uninstrument()
        provider.shutdown()

    return stop


def safe_url(url: object) -> str:
    """Keep the host, and the path where it is a method of Slack's Web API."""
    parts = urlsplit(str(url))
    path = parts.path if METHOD_PATH.fullmatch(parts.path) else ""
    return f"{parts.scheme}://{parts.hostname}{path}"


class AllowedSpans:
    """Passes spans to an exporter, only with the attributes in ``KEPT`` and without events."""

    def __init__(self, exporter: Any) -> None:  # noqa: ANN401 - of an extra
        self._exporter = exporter

    def export(self, spans: Sequence[Any]) -> Any:  # noqa: ANN401 - of an extra
        """Export the spans without other attributes."""
        return self._exporter.export([_allowed(each) for each in spans])

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter send its buffer."""
        return bool(self._exporter.force_flush(timeout_millis))


def _allowed(span: Any) -> Any:  # noqa: ANN401 - of an extra
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - extra
    from opentelemetry.trace import Status  # noqa: PLC0415 - extra

    attributes = {name: value for name, value in span.attributes.items() if name in KEPT}
    for name in ("http.url", "url.full"):
        if name in attributes:
            attributes[name] = safe_url(attributes[name])
    return ReadableSpan(
        name=str(span.name).split(" ", 1)[0],  # only the HTTP method
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _with_reference(span: Any, params: object) -> None:  # noqa: ANN401 - of an extra
    del params
    reference = structlog.contextvars.get_contextvars().get("reference")
    if reference:
        span.set_attribute(REFERENCE, str(reference))


def _nothing() -> None:
    """Trace nothing."""
