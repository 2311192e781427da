"""One policy for every outbound call: its proxy, and its trusted certificate authorities.

Slack's Web API, uploads, response URLs, PolyAI and Socket Mode all use a session from here.
No library reads the environment itself: each would follow other variables by other rules.
"""

import re
import ssl
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

import aiohttp
import certifi
from pydantic import SecretStr
from yarl import URL

from bot.settings.model import Settings

KEEPALIVE_SECONDS: Final = 4.0
"""How long an idle connection is kept: some load balancers cut idle connections after five seconds.

A post on a cut connection may have taken effect, so it cannot simply be sent again.
"""


@dataclass(frozen=True, slots=True)
class Outbound:
    """The proxy and the trusted authorities of outbound calls.

    Attributes:
        trust: verifies every server called over TLS, including a proxy.
        proxy: ``http://`` or ``https://``, perhaps with a user and a password; None: no proxy.
        no_proxy: hosts that are called directly, separated by commas: names, including all their
            subdomains, addresses or networks, each perhaps with ``:port``; ``*`` for all.
    """

    trust: ssl.SSLContext
    proxy: SecretStr | None = None
    no_proxy: str = ""

    def proxy_for(self, url: URL) -> URL | None:
        """Return the proxy for a call; calls without TLS are on loopback and use none."""
        if self.proxy is None or url.scheme not in ("https", "wss") or url.host is None:
            return None
        entries = re.split(r"[,\s]+", self.no_proxy.lower())
        if any(_names(each, url.host.lower(), url.port) for each in entries if each):
            return None
        return URL(self.proxy.get_secret_value())

    def session(
        self,
        *,
        timeout: aiohttp.ClientTimeout,
        max_connections: int = 100,
        read_buffer_bytes: int = 2**16,
    ) -> aiohttp.ClientSession:
        """Build a session that applies this policy to every call, also to calls of libraries."""
        connector = aiohttp.TCPConnector(
            limit=max_connections, keepalive_timeout=KEEPALIVE_SECONDS, ssl=self.trust
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            read_bufsize=read_buffer_bytes,
            middlewares=(self._send,),
        )

    async def _send(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.update_proxy(self.proxy_for(request.url), None, None)
        return await handler(request)


def _names(entry: str, host: str, port: int | None) -> bool:
    """Return whether an entry of ``NO_PROXY`` matches a host."""
    if entry == "*":
        return True
    if with_port := re.fullmatch(r"(\[.+\]|[^:]+):(\d+)", entry):
        entry = with_port[1]
        if int(with_port[2]) != port:
            return False
    try:
        address = ip_address(host)
    except ValueError:
        name = re.sub(r"^\*?\.", "", entry)
        return host == name or host.endswith(f".{name}")
    try:
        return address in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False


def trust_of(ca_file: Path | None = None, ca_folder: Path | None = None) -> ssl.SSLContext:
    """Trust a company's own authorities, or by default those of the system and of certifi.

    Raises:
        OSError: the file does not exist, or holds no certificate (``ssl.SSLError``).
    """
    if ca_file or ca_folder:
        return ssl.create_default_context(cafile=ca_file, capath=ca_folder)
    return _usual_trust()


@cache
def _usual_trust() -> ssl.SSLContext:
    """Read the default authorities once per process: parsing them takes a tenth of a second."""
    trust = ssl.create_default_context()
    trust.load_verify_locations(certifi.where())  # an image may contain no authorities
    return trust


def outbound_of(settings: Settings) -> Outbound:
    """Build the policy of the settings."""
    trust = trust_of(settings.ssl_cert_file, settings.ssl_cert_dir)
    return Outbound(trust, settings.https_proxy, settings.no_proxy)


@cache
def direct() -> Outbound:
    """Build a policy without a proxy that trusts the default authorities."""
    return Outbound(trust_of())
