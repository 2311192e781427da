"""The HTTP client of PolyAI, uploads and response URLs: httpx's interface on aiohttp's sockets."""

from collections.abc import Mapping
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import MappingProxyType
from typing import cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream

from bot.network.circuit import Circuits
from bot.network.outbound import Outbound, direct
from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent

TIMEOUT = httpx.Timeout(connect=10, read=60, write=60, pool=10)
CHUNK_BYTES = 64 * 1024


class _StrictTransport(AiohttpTransport):
    """aiohttp below httpx, with our TLS and proxy policy, larger chunks and httpx errors only.

    aiohttp itself repeats a GET or PUT once when the server closes the connection unanswered.
    """

    def __init__(
        self,
        outbound: Outbound,
        max_connections: int,
        metrics: Metrics,
        agents: Mapping[str, Agent],
        circuits: Circuits | None,
    ) -> None:
        super().__init__(
            verify=outbound.trust,
            trust_env=False,
            client=lambda: outbound.session(
                # Each request sets its own.
                timeout=aiohttp.ClientTimeout(total=None),
                max_connections=max_connections,
                read_buffer_bytes=2 * CHUNK_BYTES,
            ),
        )
        self._metrics = metrics
        self._agents = agents
        self._circuits = circuits

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        circuit = self._circuits.of(request.url.netloc.decode()) if self._circuits else None
        if circuit and circuit.wait_seconds():
            raise httpx.ConnectError("the host was away just now", request=request)
        status = "none"
        try:
            response = await self._answer(request)
            status = str(response.status_code)
        except httpx.TransportError:
            if circuit:
                circuit.note(is_answer=False)
            raise
        finally:
            self._count(request.url, status)
        if circuit:
            circuit.note(is_answer=not response.is_server_error)
        return response

    def _count(self, url: httpx.URL, status: str) -> None:
        self._metrics.http_requests.labels(host=url.host, status=status).inc()
        if status == str(HTTPStatus.OK):
            return
        named = url.path.split("/")
        for agent in self._agents.values():
            if agent.agent_id in named:
                self._metrics.polyai_errors.labels(agent=agent.name, status=status).inc()
                return

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await super().handle_async_request(request)
        except aiohttp.ClientError:
            # A malformed answer: httpx-aiohttp lets aiohttp's own error through. Its repr holds the
            # request headers, the key among them, so it is not kept, not even as the context.
            response = None
        if response is None:
            raise httpx.RemoteProtocolError("the answer is not HTTP", request=request)
        stream = cast("AiohttpResponseStream", response.stream)  # it creates no other type
        stream.CHUNK_SIZE = CHUNK_BYTES
        return response


def build_http_client(
    max_connections: int,
    outbound: Outbound | None = None,
    metrics: Metrics | None = None,
    agents: Mapping[str, Agent] = MappingProxyType({}),
    circuits: Circuits | None = None,
) -> httpx.AsyncClient:
    """Build the HTTP client: no redirects, no cookies, nothing read from the environment.

    Time-outs are 10 s to connect and for a free connection, 60 s per read or write. At most
    ``max_connections`` are open; more calls wait. Failures are counted for the agent of ``agents``
    that the URL names. The caller closes it.
    """
    return httpx.AsyncClient(
        transport=_StrictTransport(
            outbound or direct(), max_connections, metrics or Metrics(), agents, circuits
        ),
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
    )
