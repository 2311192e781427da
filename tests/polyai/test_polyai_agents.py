"""What may be configured as an agent, and which ids may enter a URL."""

import pytest
from pydantic import SecretStr

from bot.polyai.agents import Agent, build_host
from bot.polyai.identifiers import InvalidConversationId, check_conversation_id
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


@each_row(
    ("region", "host"),
    [
        ("us", "https://api.us.poly.ai"),
        ("uk", "https://api.uk.poly.ai"),
        ("eu", "https://api.eu.poly.ai"),
        ("studio", "https://api.studio.poly.ai"),
    ],
)
def test_each_region_has_its_build_host(region, host):
    assert build_host(region) == host
    assert agent(region=region, base_url=host).base_url == host


def test_an_unknown_region_names_the_known_ones():
    with pytest.raises(ValueError, match="us, uk, eu, studio"):
        build_host("mars")
    with pytest.raises(ValueError, match="us, uk, eu, studio"):
        agent(region="")


def test_keys_never_show_in_repr():
    shown = repr(agent(pii_api_key=SecretStr("rawKey")))
    assert KEY not in shown
    assert "rawKey" not in shown


@each_row(
    "base_url",
    [
        "https://gateway.example/polyai",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:1",
    ],
)
def test_https_and_http_on_loopback_are_accepted(base_url):
    assert agent(base_url=base_url).base_url == base_url


@each_row(
    "base_url",
    [
        "http://api.us.poly.ai",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "ftp://localhost",
        "api.us.poly.ai",
        "https://",
        "",
        "https://user:secret@api.us.poly.ai",
        "https://api.us.poly.ai?x=1",
        "https://api.us.poly.ai#x",
        "https://[::1",
        "https://host:99999",
    ],
)
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


@each_row(
    "conversation_id",
    [
        "CAabcd1234567abcdef1250065d4fc7389",
        "LOCAL-0e0e0e0e-aaaa-bbbb-cccc-121212121212",
        "OUT-0e0e0e0e-aaaa-bbbb-cccc-121212121212",
        "AS_CHAT_0e0e0e0e-aaaa-bbbb-cccc-121212121212",
        "0e0e0e0e-aaaa-bbbb-cccc-121212121212",
        "CONV-1234567890",
        "custom:id_1.2-X",
        "x" * 128,
    ],
)
def test_ids_seen_so_far_and_custom_ones_pass_unchanged(conversation_id):
    assert check_conversation_id(conversation_id) == conversation_id


@each_row(
    "text",
    [
        "{conversationId}", "{{id}}", "<id>", "<conversation-id>", "[id]", "${ID}", "$CALL",
        ":id", ":conversationId", "CONVERSATION_ID", "conversationId", "YOUR_CONVERSATION_ID",
        "conversation-id",
    ],
)  # fmt: skip
def test_placeholders_are_reported_as_placeholders(text):
    with pytest.raises(InvalidConversationId) as caught:
        check_conversation_id(text)
    assert "placeholder" in caught.value.what
    assert "copied" in caught.value.likely_cause


@each_row(
    "text",
    ["", "ab", "a/b/c", "a?b", "a#b", "a..b", "../x", "a b", "a\nb", "abc\n", "a\x00b", "a%2Fb",
     "{x", "x}", "x" * 129, "-abc", "éabc", "abcé", "٣٣٣"],
)  # fmt: skip
def test_unsafe_ids_are_refused_without_repeating_them(text):
    with pytest.raises(InvalidConversationId) as caught:
        check_conversation_id(text)
    assert caught.value.what == "That is not a conversation id."
    assert "Agent Studio" in caught.value.fix


@each_row("text", ["441234567890", "+441234567890", "5551234", "1" * 15])
def test_a_phone_number_is_no_conversation_id_and_is_not_repeated(text):
    with pytest.raises(InvalidConversationId) as raised:
        check_conversation_id(text)
    assert "personal number" in raised.value.what
    assert text not in str(vars(raised.value))
