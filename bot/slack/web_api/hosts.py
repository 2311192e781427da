"""Which hosts may receive recordings and private answers."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

OF_SLACK: Final = ("slack.com", "slack-gov.com")


def is_trusted(url: str, api_url: str) -> bool:
    """Return whether a URL from Slack's answers is on a host of Slack's or on that of ``api_url``.

    It must be https, or on loopback if the Web API is on the same loopback host.
    """
    try:
        parts, api = urlsplit(url), urlsplit(api_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    of_slack = any(host == each or host.endswith(f".{each}") for each in OF_SLACK)
    if parts.scheme == "https":
        return of_slack or host == api.hostname
    return parts.scheme == "http" and host == api.hostname and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
