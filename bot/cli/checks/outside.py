"""The proxy and the certificate authorities of outbound calls."""

from urllib.parse import urlsplit

from bot.cli.checks.finding import Finding, Status
from bot.settings.model import Settings


def check_outside(settings: Settings) -> list[Finding]:
    """Report proxy and authorities; their faults show in the checks that use them."""
    return [
        Finding("proxy", Status.SET, _proxy(settings)),
        Finding("trusted authorities", Status.SET, _authorities(settings)),
    ]


def _proxy(settings: Settings) -> str:
    if settings.https_proxy is None:
        return "none: HTTPS_PROXY is not set"
    url = urlsplit(settings.https_proxy.get_secret_value())
    port = f":{url.port}" if url.port else ""
    login = " with user and password" if url.username else ""
    direct = f", but not for {settings.no_proxy}" if settings.no_proxy else ""
    return f"{url.scheme}://{url.hostname}{port}{login}{direct}"


def _authorities(settings: Settings) -> str:
    named = [str(each) for each in (settings.ssl_cert_file, settings.ssl_cert_dir) if each]
    return f"those in {' and '.join(named)}" if named else "the system's and those browsers trust"
