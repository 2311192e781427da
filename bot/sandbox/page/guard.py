"""Protects the page from other machines and from other pages."""

from typing import Final

from starlette.requests import Request

HOSTS: Final = ("127.0.0.1", "localhost")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def is_own(request: Request) -> bool:
    """Whether this page sent the request."""
    own = f"http://{request.headers.get('host')}"
    return is_here(request) and request.headers.get("origin") in (None, own)


def is_here(request: Request) -> bool:
    """Whether the request names this machine; other names that resolve to it are refused."""
    return request.url.hostname in HOSTS
