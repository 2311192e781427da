"""The HTTP surface: Slack's requests, health, readiness, metrics."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.logs import get_logger
from bot.metrics import Metrics

log = get_logger(__name__)

MAX_BODY_BYTES: Final = 1_000_000

Probe = Callable[[], Awaitable[bool]]


def build_web(*, app: AsyncApp | None, metrics: Metrics, probes: Mapping[str, Probe]) -> Starlette:
    """Build the ASGI app; without ``app`` (Socket Mode, worker) Slack's route is not there."""
    routes = [
        Route("/healthz", _healthz),
        Route("/readyz", _Readiness(probes).answer),
        Route("/metrics", _Exposition(metrics).answer),
    ]
    if app:
        routes.append(Route("/slack/events", _SlackEvents(app).answer, methods=["POST"]))
    return Starlette(routes=routes)


async def _healthz(request: Request) -> Response:
    del request
    return PlainTextResponse("ok\n")


class _Readiness:
    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes

    async def answer(self, request: Request) -> Response:
        del request
        found = {name: await _holds(name, probe) for name, probe in self._probes.items()}
        status = HTTPStatus.OK if all(found.values()) else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(found, status_code=status)


async def _holds(name: str, probe: Probe) -> bool:
    try:
        return await probe()
    except Exception:
        log.exception("probe_failed", probe=name)
        return False


class _Exposition:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def answer(self, request: Request) -> Response:
        del request
        body, content_type = self._metrics.render()
        return Response(body, media_type=content_type)


class _SlackEvents:
    """Passes on what can be verified; Bolt breaks with 500 on the rest of these."""

    def __init__(self, app: AsyncApp) -> None:
        self._handler = AsyncSlackRequestHandler(app)

    async def answer(self, request: Request) -> Response:
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004 - no later second has more digits
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        if not (signature and signature.isascii()):
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        body = await _bounded_body(request)
        if body is None:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return await self._handler.handle(request)


async def _bounded_body(request: Request) -> bytes | None:
    """Read the body where the handler will find it; None when it is larger than Slack sends."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    try:
        body.decode()
    except UnicodeDecodeError:
        body = b""  # its signature then fails
    request._body = body  # noqa: SLF001 - where Starlette keeps a body that was read
    return body
