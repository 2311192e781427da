"""Keeps the page to this machine, and to itself."""

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
    """Whether this page itself sent it."""
    own = f"http://{request.headers.get('host')}"
    return is_here(request) and request.headers.get("origin") in (None, own)


def is_here(request: Request) -> bool:
    """Whether this machine was addressed: a name that leads here from elsewhere is refused."""
    return request.url.hostname in HOSTS
