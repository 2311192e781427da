"""Which calls use the proxy, which authorities they trust, and why a call got no answer."""

import asyncio
import ssl

import aiohttp
import httpx
import pytest
from pydantic import SecretStr
from yarl import URL

from bot.network import connection_failures as failures
from bot.network.connection_failures import FIXES, why
from bot.network.outbound import Outbound, direct, trust_of
from bot.polyai.transport import build_http_client
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.web_api.errors import SlackError, SlackUnreachable
from bot.slack.web_api.hosts import is_trusted
from tests.forward_proxy import DOMAIN, ForwardProxy
from tests.ports import free_port
from tests.tables import each_row
from tests.tls import AUTHORITY, CERTIFICATES, server_tls

PROXY = SecretStr("http://proxy.example:8080")


@each_row(
    ("url", "no_proxy", "is_proxied"),
    [
        ("https://slack.com/api/", "", True),
        ("wss://wss-primary.slack.com/link", "", True),
        ("http://127.0.0.1:3000/api/", "", False),
        ("https://127.0.0.1/api/", "", True),
        ("https://files.slack.com/upload", "slack.com", False),
        ("https://files.slack.com/upload", ".slack.com", False),
        ("https://files.slack.com/upload", "*.slack.com", False),
        ("https://slack.com/api/", ".slack.com", False),
        ("https://myslack.com/api/", "slack.com", True),
        ("https://slack.com.example/api/", "slack.com", True),
        ("https://SLACK.com/api/", "Slack.COM", False),
        ("https://api.eu.poly.ai/v1", "slack.com, poly.ai", False),
        ("https://api.eu.poly.ai/v1", "slack.com poly.ai", False),
        ("https://api.eu.poly.ai:8443/v1", "poly.ai:443", True),
        ("https://api.eu.poly.ai/v1", "poly.ai:443", False),
        ("https://10.1.2.3/v1", "10.0.0.0/8", False),
        ("https://11.1.2.3/v1", "10.0.0.0/8", True),
        ("https://10.1.2.3/v1", "10.1.2.3", False),
        ("https://[fd00::1]/v1", "fd00::/8", False),
        ("https://[fd00::1]/v1", "[fd00::1]", False),
        ("https://slack.com/api/", "*", False),
        ("https://slack.com/api/", ",, ,", True),
        ("https://10.1.2.3/v1", "poly.ai", True),
    ],
)
def test_each_host_is_called_through_the_proxy_or_directly(url, no_proxy, is_proxied):
    found = Outbound(direct().trust, PROXY, no_proxy).proxy_for(URL(url))
    assert found == (URL("http://proxy.example:8080") if is_proxied else None)
    assert Outbound(direct().trust).proxy_for(URL(url)) is None


def test_a_companys_authority_replaces_the_default_ones():
    usual, company = direct().trust.get_ca_certs(), trust_of(AUTHORITY).get_ca_certs()
    assert len(usual) > 50
    assert [dict(each[0] for each in ca["subject"])["commonName"] for ca in company] == [
        "callaudio tests: authority"
    ]
    assert trust_of(AUTHORITY).verify_mode is ssl.CERT_REQUIRED
    assert trust_of(AUTHORITY).check_hostname
    with pytest.raises(OSError):  # noqa: PT011 - any of its kinds
        trust_of(CERTIFICATES / "nowhere.pem")


async def test_no_library_reads_the_environment_itself(monkeypatch):
    nobody = f"http://127.0.0.1:{free_port()}"
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, nobody)
    workspace = Workspace()
    async with SlackSandbox(workspace) as slack, build_session() as session:
        client = build_client(workspace.bot_token, slack.url, session)
        assert (await SlackApi(client).call_with_retries("auth.test"))["ok"]
        async with build_http_client(1) as http:
            assert (await http.get(slack.origin)).status_code == 404


async def at_once(seconds):
    del seconds


class Silent:
    """Accepts connections and sends nothing."""

    def __init__(self):
        self.writers = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._keep, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.writers:
            writer.close()

    async def _keep(self, reader, writer):
        del reader
        self.writers.append(writer)


async def failures_of(url, outbound):
    """Why the same call fails, over httpx and over Slack's SDK."""
    told = []
    async with build_http_client(1, outbound) as http:
        with pytest.raises(httpx.HTTPError) as caught:
            await http.get(url, timeout=httpx.Timeout(30, read=0.2))
        told.append(why(caught.value))
    async with build_session(timeout_seconds=1, outbound=outbound) as session:
        api = SlackApi(build_client("xoxb-1", url, session), sleep=at_once)
        with pytest.raises(SlackError) as refused:
            await api.call_once("auth.test")
        told.append((type(refused.value), refused.value.likely_cause))
    return told


@pytest.mark.parametrize(
    ("certificate", "trust", "cause"),
    [
        ("server", None, failures.CERTIFICATE_UNKNOWN),
        ("expired", AUTHORITY, failures.CERTIFICATE_EXPIRED),
        ("elsewhere", AUTHORITY, failures.CERTIFICATE_OF_ANOTHER),
        (None, AUTHORITY, failures.TLS),
    ],
)
async def test_an_untrusted_certificate_is_reported_with_its_fault(certificate, trust, cause):
    tls = server_tls(certificate) if certificate else None
    outbound = Outbound(trust_of(trust))
    async with SlackSandbox(Workspace(), tls=tls) as slack:
        url = slack.url.replace("http://", "https://")
        assert await failures_of(url, outbound) == [cause, (SlackUnreachable, cause)]


@pytest.mark.parametrize(
    ("proxy", "cause"),
    [
        (ForwardProxy(login="u:other"), failures.PROXY_LOGIN),
        (ForwardProxy(refuses=True), failures.PROXY_REFUSES),
    ],
)
async def test_a_proxy_that_refuses_is_reported_as_such(proxy, cause):
    async with proxy:
        url = SecretStr(f"http://u:p@127.0.0.1:{proxy.port}")
        found = await failures_of(f"https://slack.{DOMAIN}/api/", Outbound(direct().trust, url))
        assert found == [cause, (SlackUnreachable, cause)]


async def test_an_unreachable_proxy_an_unknown_name_and_a_closed_port_are_distinguished():
    closed = f"127.0.0.1:{free_port()}"
    away = Outbound(direct().trust, SecretStr(f"http://{closed}"))
    for url, outbound, cause in (
        (f"https://slack.{DOMAIN}/api/", away, failures.PROXY_AWAY),
        (f"https://slack.{DOMAIN}/api/", direct(), failures.DNS),
        (f"https://{closed}/api/", direct(), failures.REFUSED),
    ):
        assert await failures_of(url, outbound) == [cause, (SlackUnreachable, cause)]


async def test_a_missing_answer_is_reported_as_a_time_out():
    async with Silent() as port:
        first, second = await failures_of(f"http://127.0.0.1:{port}/api/", direct())
    assert first == second[1] == failures.ANSWER_TIMEOUT


def test_every_cause_has_a_fix_and_an_unknown_one_none():
    named = {name: each for name, each in vars(failures).items() if name.isupper()}
    assert {each for name, each in named.items() if isinstance(each, str)} == set(FIXES)
    assert why(ValueError("https://example.com")) is None
    assert why(aiohttp.ServerDisconnectedError()) is None


API = "https://slack.com/api/"
GATEWAY = "https://gateway.example/slack/api/"
LOOPBACK = "http://127.0.0.1:4000/api/"


@each_row(
    ("url", "api", "trusted"),
    [
        ("https://files.slack.com/upload/v1/x", API, True),
        ("https://hooks.slack.com/commands/T0/x", API, True),
        ("https://files.slack-gov.com/upload/v1/x", API, True),
        ("https://slack.com/x", API, True),
        ("http://files.slack.com/upload/v1/x", API, False),
        ("https://files.slack.com.example/x", API, False),
        ("https://filesslack.com/x", API, False),
        ("https://slack.com@example.com/x", API, False),
        ("https://u:p@files.slack.com/x", API, False),
        ("https://example.com/?slack.com", API, False),
        ("http://127.0.0.1:4000/upload", API, False),
        ("ftp://files.slack.com/x", API, False),
        ("//files.slack.com/x", API, False),
        ("https://[slack.com/x", API, False),
        ("https://files.slack.com:x/", API, False),
        ("", API, False),
        ("https://gateway.example/upload", GATEWAY, True),
        ("https://files.slack.com/upload", GATEWAY, True),
        ("http://gateway.example/upload", GATEWAY, False),
        ("https://other.example/upload", GATEWAY, False),
        ("http://127.0.0.1:4000/upload", LOOPBACK, True),
        ("http://localhost:4000/upload", LOOPBACK, False),
        ("http://127.0.0.2:4000/upload", LOOPBACK, False),
    ],
)
def test_each_url_is_a_permitted_target_or_not(url, api, trusted):
    assert is_trusted(url, api) is trusted
