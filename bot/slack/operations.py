"""Health, readiness and metrics, for operators and their monitoring."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.observability.log_throttle import LogThrottle
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics
from bot.store.failures import is_away

log = get_logger(__name__)

READINESS_LASTS_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 2.0
FORWARDED: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

Probe = Callable[[], Awaitable[object]]
"""Returns True or None if all is well."""


class Operations:
    """Answers `/healthz` and `/readyz` to anybody; details and metrics only to operators.

    A request on ``port``, that of ``CALLAUDIO_METRICS_ADDRESS``, counts as an operator's; without
    ``port``, one from this machine does, unless it has a header of a proxy.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        probes: Mapping[str, Probe],
        notices: Mapping[str, Probe] | None = None,
        measure: Callable[[], Awaitable[None]] | None = None,
        port: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._readiness = Readiness(probes, monotonic)
        self._notices = Readiness(notices or {}, monotonic)
        self._measure = measure
        self._port = port

    def routes(self) -> list[Route]:
        """Return the three addresses."""
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def healthz(self, request: Request) -> Response:
        """Answer that the process is alive."""
        del request
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """Answer whether the bot can work; only operators see which part cannot.

        Failing notices are listed beside the parts, and do not affect readiness.
        """
        found = await self._readiness.read()
        is_ready = all(found.values())
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        if self._is_from_operators(request):
            notices = {
                name: holds for name, holds in (await self._notices.read()).items() if not holds
            }
            return JSONResponse({**found, **notices}, status_code=status)
        return PlainTextResponse("ready\n" if is_ready else "not ready\n", status_code=status)

    async def metrics(self, request: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        if not self._is_from_operators(request):
            where = "at CALLAUDIO_METRICS_ADDRESS, or without it only to this machine"
            return PlainTextResponse(f"Served {where}.\n", status_code=HTTPStatus.FORBIDDEN)
        if self._measure:
            await self._readiness.holds("backlog", self._measure)
        body, content_type = self._metrics.render()
        return Response(body, media_type=content_type)

    def _is_from_operators(self, request: Request) -> bool:
        if self._port is not None:
            return bool(request.scope.get("server")) and request.scope["server"][1] == self._port
        if request.client is None or any(name in request.headers for name in FORWARDED):
            return False
        return ip_address(request.client.host).is_loopback


class Readiness:
    """Runs the probes at most once in ``READINESS_LASTS_SECONDS``."""

    def __init__(self, probes: Mapping[str, Probe], monotonic: Callable[[], float]) -> None:
        self._probes = probes
        self._monotonic = monotonic
        self._log_throttle = LogThrottle(monotonic=monotonic)
        self._turn = asyncio.Lock()
        self._found: dict[str, bool] = {}
        self._found_at: float | None = None

    async def read(self) -> Mapping[str, bool]:
        """Return whether each part is ready."""
        async with self._turn:
            found_at = self._found_at
            if found_at is None or self._monotonic() - found_at >= READINESS_LASTS_SECONDS:
                holds = await asyncio.gather(*(self.holds(*each) for each in self._probes.items()))
                self._found = dict(zip(self._probes, holds, strict=True))
                self._found_at = self._monotonic()
            return self._found

    async def holds(self, name: str, probe: Probe) -> bool:
        """Run one probe; its failure is logged once a minute."""
        try:
            return await asyncio.wait_for(probe(), PROBE_SECONDS) is not False
        except TimeoutError:
            if self._log_throttle.due(f"{name} slow") is not None:
                log.warning("probe_too_slow", probe=name)
        except Exception as error:
            if not is_away(error) and self._log_throttle.due(f"{name} failed") is not None:
                log.warning("probe_failed", probe=name, exc_info=error)
        return False
