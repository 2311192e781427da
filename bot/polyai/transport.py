"""The HTTP client below every outside call: httpx's interface on aiohttp's sockets."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream

TIMEOUT = httpx.Timeout(connect=10, read=60, write=60, pool=10)
CHUNK_BYTES = 64 * 1024


class _StrictTransport(AiohttpTransport):
    """aiohttp below httpx, without cookies, in larger chunks, and raising httpx errors only.

    aiohttp itself repeats a GET or PUT once, at once, when the server hangs up without an answer.
    """

    def get_client(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self.limits.max_connections or 0,
            keepalive_timeout=self.limits.keepalive_expiry,
            ssl=self.ssl_context,
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=2 * CHUNK_BYTES
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await super().handle_async_request(request)
        except aiohttp.ClientError:
            # A malformed answer: httpx-aiohttp lets aiohttp's own error through. Its repr holds the
            # request headers, the key among them, so it is not kept, not even as the context.
            response = None
        if response is None:
            raise httpx.RemoteProtocolError("the answer is not HTTP", request=request)
        stream = cast("AiohttpResponseStream", response.stream)  # it makes no other
        stream.CHUNK_SIZE = CHUNK_BYTES
        return response


def build_http_client(max_connections: int) -> httpx.AsyncClient:
    """Build the HTTP client: no redirects, no cookies, nothing read from the environment.

    Time-outs are 10 s to connect and for a free connection, 60 s per read or write. At most
    ``max_connections`` are open; more calls wait. The caller closes it.
    """
    limits = httpx.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections
    )
    return httpx.AsyncClient(
        transport=_StrictTransport(trust_env=False, limits=limits),
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
    )
