"""What may be configured as an agent: what the settings accept."""

import pytest
from pydantic import SecretStr

from bot.polyai.agents import BUILD_HOSTS, PLATFORM_HOSTS, Agent
from bot.settings.value_types import Region
from tests.tables import each_row

KEY = "plainKeyPlainKeyPlainKey00000001"


def agent(**changes):
    fields = {
        "name": "sales",
        "agent_id": "PROJECT-58RP822I",
        "region": "us",
        "base_url": "https://api.us.poly.ai",
        "api_key": SecretStr(KEY),
        "pii_api_key": SecretStr("rawKey"),
    }
    return Agent(**(fields | changes))


def test_each_region_has_its_hosts():
    assert {each: f"https://api.{each}.poly.ai" for each in Region} == BUILD_HOSTS
    assert PLATFORM_HOSTS == {
        Region.US: "https://api.us-1.platform.polyai.app",
        Region.UK: "https://api.uk-1.platform.polyai.app",
        Region.EU: "https://api.euw-1.platform.polyai.app",
        Region.STUDIO: "https://api.studio.poly.ai",
    }


def test_keys_never_show_in_repr():
    assert KEY not in repr(agent())
    assert "rawKey" not in repr(agent())


@each_row(
    "base_url",
    ["https://gateway.example/polyai", "http://127.0.0.1:80", "http://localhost", "http://[::1]:1"],
)
def test_https_and_http_on_loopback_are_accepted(base_url):
    assert agent(base_url=base_url).base_url == base_url


UNUSABLE = {
    "base_url": [
        "http://api.us.poly.ai", "http://10.0.0.1", "http://127.0.0.1.example.com",
        "ftp://localhost", "api.us.poly.ai", "https://", "",
        "https://user:secret@api.us.poly.ai", "https://api.us.poly.ai?x=secret",
        "https://api.us.poly.ai#x", "https://[::1", "https://host:99999",
    ],
    "agent_id": ["", "a/b", "..", "{agentId}", "a b"],
    "api_key": ["ké-secret", "secret words", "secret\nbreak", "secret\x00", "", " "],
    "pii_api_key": ["ké-secret", "secret words", "secret\nbreak", "secret\x00", "", " "],
    "region": ["", "mars"],
    "unknown": [None],
}  # fmt: skip


@each_row(
    ("field", "value"), [(field, value) for field, values in UNUSABLE.items() for value in values]
)
def test_any_other_value_is_refused_and_no_secret_is_repeated(field, value):
    with pytest.raises(ValueError, match=field) as refused:
        agent(**{field: SecretStr(value) if field.endswith("key") else value})
    assert "secret" not in str(refused.value)
