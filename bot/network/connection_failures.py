"""Why a call got no answer, worded for people: DNS, TLS, the proxy, a time-out."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import aiohttp

DNS: Final = "The name of the host cannot be resolved (DNS)."
CERTIFICATE_UNKNOWN: Final = "The authority that signed its TLS certificate is not trusted here."
CERTIFICATE_EXPIRED: Final = "Its TLS certificate has expired, or the clock here is wrong."
CERTIFICATE_OF_ANOTHER: Final = "Its TLS certificate belongs to another host."
TLS: Final = "The TLS handshake failed."
PROXY_AWAY: Final = "The proxy cannot be reached."
PROXY_LOGIN: Final = "The proxy refuses the user or the password."
PROXY_REFUSES: Final = "The proxy refuses to connect."
CONNECT_TIMEOUT: Final = "No connection was made in time (time-out)."
ANSWER_TIMEOUT: Final = "No answer came in time (time-out)."
REFUSED: Final = "The host refuses the connection."
UNREACHABLE: Final = "The host cannot be reached from this network."

FIXES: Final = {
    DNS: "Check the host's name and this machine's DNS; behind a proxy, set HTTPS_PROXY.",
    CERTIFICATE_UNKNOWN: "Set SSL_CERT_FILE to the certificate of the company's own authority.",
    CERTIFICATE_EXPIRED: "Check the clock of this machine, then any gateway in between.",
    CERTIFICATE_OF_ANOTHER: "Check the URL, and any gateway in between.",
    TLS: "Check whether a gateway in between supports TLS; behind a proxy, set HTTPS_PROXY.",
    PROXY_AWAY: "Check HTTPS_PROXY, and whether the proxy is up.",
    PROXY_LOGIN: "Set user and password in HTTPS_PROXY: http://user:password@host:port.",
    PROXY_REFUSES: "Have the host allowed in the proxy, or named in NO_PROXY.",
    CONNECT_TIMEOUT: "Check the firewall; behind a proxy, set HTTPS_PROXY.",
    ANSWER_TIMEOUT: "Try again; if it keeps failing, check any gateway in between.",
    REFUSED: "Check the URL and its port, and the firewall.",
    UNREACHABLE: "Check this machine's network; behind a proxy, set HTTPS_PROXY.",
}
"""The fix for each, for operators."""

_HOSTNAME_MISMATCH: Final = 62  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH
_IP_ADDRESS_MISMATCH: Final = 64
_NOT_YET_VALID: Final = 9
_HAS_EXPIRED: Final = 10
_UNREACHABLE_ERRNOS: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)

# aiohttp's errors, found as the cause of httpx's, whose own types are less precise.
_BY_KIND: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, DNS),
    (socket.gaierror, DNS),
    (aiohttp.ClientProxyConnectionError, PROXY_AWAY),
    (ssl.SSLError, TLS),
    (aiohttp.ClientSSLError, TLS),
    (aiohttp.ConnectionTimeoutError, CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError, ANSWER_TIMEOUT),
    (ConnectionRefusedError, REFUSED),
    (asyncio.TimeoutError, ANSWER_TIMEOUT),
)


def why(error: BaseException) -> str | None:
    """Return why a call got no answer; None if the error does not show it.

    The error's own text is never repeated, because it may contain a URL.
    """
    chain = list(_chain(error))
    for each in chain:
        failure = _of_a_certificate(each) or _of_a_proxy(each)
        if failure:
            return failure
    for kind, failure in _BY_KIND:
        if any(isinstance(each, kind) for each in chain):
            return failure
    return UNREACHABLE if any(_is_unreachable(each) for each in chain) else None


def _of_a_certificate(error: BaseException) -> str | None:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    if error.verify_code in (_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH):
        return CERTIFICATE_OF_ANOTHER
    expired = error.verify_code in (_NOT_YET_VALID, _HAS_EXPIRED)
    return CERTIFICATE_EXPIRED if expired else CERTIFICATE_UNKNOWN


def _of_a_proxy(error: BaseException) -> str | None:
    if not isinstance(error, aiohttp.ClientHttpProxyError):
        return None
    needs_login = error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    return PROXY_LOGIN if needs_login else PROXY_REFUSES


def _is_unreachable(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _UNREACHABLE_ERRNOS


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or any(each is other for other in seen):
            continue
        seen.append(each)
        yield each
        waiting += [getattr(each, "os_error", None), each.__cause__, each.__context__]
