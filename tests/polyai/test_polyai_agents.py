"""What may be configured as an agent."""

import re

import pytest
from pydantic import SecretStr

from bot.polyai.agents import BUILD_HOSTS, PLATFORM_HOSTS, Agent
from tests.tables import each_row

KEY = "plainKeyPlainKeyPlainKey00000001"


def agent(**changes):
    fields = {
        "name": "sales",
        "agent_id": "PROJECT-58RP822I",
        "region": "us",
        "base_url": "https://api.us.poly.ai",
        "api_key": SecretStr(KEY),
        "pii_api_key": None,
    }
    return Agent(**(fields | changes))


@each_row("region", ["us", "uk", "eu", "studio"])
def test_each_region_has_its_hosts(region):
    for host in (BUILD_HOSTS[region], PLATFORM_HOSTS[region]):
        assert re.fullmatch(r"https://api\.[a-z0-9-]+\.(poly\.ai|platform\.polyai\.app)", host)
        assert agent(region=region, base_url=host).base_url == host


def test_an_unknown_region_names_the_known_ones():
    with pytest.raises(ValueError, match="us, uk, eu, studio"):
        agent(region="")


def test_keys_never_show_in_repr():
    shown = repr(agent(pii_api_key=SecretStr("rawKey")))
    assert KEY not in shown
    assert "rawKey" not in shown


@each_row(
    "base_url",
    ["https://gateway.example/polyai", "http://127.0.0.1:80", "http://localhost", "http://[::1]:1"],
)
def test_https_and_http_on_loopback_are_accepted(base_url):
    assert agent(base_url=base_url).base_url == base_url


@each_row(
    "base_url",
    [
        "http://api.us.poly.ai", "http://10.0.0.1", "http://127.0.0.1.example.com",
        "ftp://localhost", "api.us.poly.ai", "https://", "",
        "https://user:secret@api.us.poly.ai", "https://api.us.poly.ai?x=1",
        "https://api.us.poly.ai#x", "https://[::1", "https://host:99999",
    ],
)  # fmt: skip
def test_other_base_urls_are_refused_without_repeating_them(base_url):
    with pytest.raises(ValueError, match="base URL") as caught:
        agent(base_url=base_url)
    assert "secret" not in str(caught.value)


@each_row("agent_id", ["", "a/b", "..", "{agentId}", "a b"])
def test_an_invalid_agent_id_is_refused(agent_id):
    with pytest.raises(ValueError, match="agent id"):
        agent(agent_id=agent_id)


@each_row("field", ["api_key", "pii_api_key"])
@each_row("key", ["kéy", "two words", "line\nbreak", "x\x00"])
def test_a_key_that_cannot_be_an_http_header_is_refused_without_repeating_it(field, key):
    with pytest.raises(ValueError, match="API key") as caught:
        agent(**{field: SecretStr(key)})
    assert key not in str(caught.value)


def test_white_space_around_a_key_is_accepted():
    assert agent(api_key=SecretStr(f" {KEY}\n"))
