import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.settings.choices import AudienceRule
from bot.settings.environment import (
    load_database_url,
    load_first_admins,
    load_settings,
    read_env_file,
)
from bot.settings.model import SECRET_NAMES, Settings, SettingsError
from bot.settings.value_types import Region
from tests.tables import each_row
from tests.tls import AUTHORITY

REQUIRED = {
    "SLACK_BOT_TOKEN": "xoxb-1-abc",
    "SLACK_SIGNING_SECRET": "5ca1ab1e5ca1ab1e",
    "POLYAI_REGION": "eu",
    "POLYAI_AGENT_ID": "PROJECT-58RP822I",
    "POLYAI_API_KEY": "plainKey1",
}
SALES = {"agent_id": "sales-4", "region": "us", "api_key": "salesKey1"}


def problems(**changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(REQUIRED | changes)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.problems


def test_the_required_settings_are_sufficient():
    settings = load_settings(REQUIRED)
    assert settings.polyai_region is Region.EU
    assert settings.slack_api_url is settings.polyai_api_url is settings.slack_app_token is None


def test_only_the_given_mapping_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("PORT", "99")
    monkeypatch.setenv("CALLAUDIO_AUDIENCE", "requester")
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("PORT=98\n")
    assert load_settings(REQUIRED).port == 3000


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        load_settings(REQUIRED).port = 1


def test_an_empty_value_counts_as_not_set_and_white_space_is_dropped():
    settings = load_settings(
        REQUIRED | {"POLYAI_API_KEY": " plainKey1\n", "POLYAI_PII_API_KEY": " ", "PORT": ""}
    )
    assert settings.polyai_api_key.get_secret_value() == "plainKey1"
    assert settings.polyai_pii_api_key is None
    assert settings.port == 3000


def test_all_problems_are_reported_at_once_in_a_fixed_order():
    with pytest.raises(SettingsError) as caught:
        load_settings({"POLYAI_REGION": "usa", "PORT": "0", "CALLAUDIO_AUDIENSE": "requester"})
    names = [problem.split()[0] for problem in caught.value.problems]
    assert names == [
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "POLYAI_REGION",
        "POLYAI_AGENT_ID",
        "POLYAI_API_KEY",
        "PORT",
        "CALLAUDIO_AUDIENSE",
    ]
    assert caught.value.problems[2] == "POLYAI_REGION is 'usa': use us, eu, uk or studio."
    assert caught.value.problems[6].endswith("did you mean CALLAUDIO_AUDIENCE?")
    assert str(caught.value) == "\n".join(caught.value.problems)


INVALID = {
    "SLACK_BOT_TOKEN": ["xoxp-1", "xoxb-1 2"],
    "SLACK_APP_TOKEN": ["xoxb-1"],
    "SLACK_API_URL": [
        "http://slack.example/api/",
        "http://localhost.example/api/",
        "https://user:pw@slack.example/",
        "slack.example/api",
    ],
    "POLYAI_REGION": ["US"],
    "POLYAI_AGENT_ID": ["../agents", "PROJECT..1", "P1"],
    "POLYAI_API_KEY": ["with space", "schlüssel"],
    "POLYAI_API_URL": [
        "http://10.0.0.1",
        "https://api.example?key=1",
        "https://api.example:0",
        "ftp://127.0.0.1",
        "https://[::1",
    ],
    "DATABASE_URL": [
        "mysql://db/x",
        "postgresql+psycopg://db/x",
        "postgresql://",
        "postgresql://[::1/x",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "callaudio.db",
    ],
    "PORT": ["65536", "http"],
    "CALLAUDIO_ADMINS": ["U1234567,bob"],
    "CALLAUDIO_EXTERNAL_CHANNELS": ["#general", "U12345678"],
    "CALLAUDIO_AUDIENCE": ["all"],
    "CALLAUDIO_MAX_AUDIENCE": ["-1", "100001"],
    "CALLAUDIO_RAW_TTL_HOURS": ["-1", "87601"],
    "CALLAUDIO_MAX_RECORDING_MB": ["0", "1000001"],
    "CALLAUDIO_MAX_GRANT_HOURS": ["0", "87601"],
    "CALLAUDIO_APPROVALS_CHANNEL": ["#approvals"],
    "CALLAUDIO_LOG_FORMAT": ["xml"],
    "CALLAUDIO_METRICS_ADDRESS": [
        "9090",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "http://127.0.0.1:9090",
        "127.0.0.1:3000",
        "[::1]:03000",
    ],
}


@each_row(
    ("name", "value"), [(name, value) for name, values in INVALID.items() for value in values]
)
def test_each_invalid_value_is_refused(name, value):
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} ")
    assert ": use " in problem


@each_row(
    ("name", "value", "expected"),
    [
        ("SLACK_API_URL", "http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/"),
        ("SLACK_API_URL", "https://slack.example/api/", "https://slack.example/api/"),
        ("POLYAI_API_URL", "http://[::1]:8080/", "http://[::1]:8080"),
        ("POLYAI_API_URL", "http://localhost", "http://localhost"),
        ("DATABASE_URL", "postgres://u:p@db/x", "postgresql://u:p@db/x"),
        ("DATABASE_URL", "postgresql:///x?host=/run", "postgresql:///x?host=/run"),
        ("DATABASE_URL", "sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("CALLAUDIO_ADMINS", " U1234567, W7654321,", {"U1234567", "W7654321"}),
        ("CALLAUDIO_EXTERNAL_CHANNELS", "C12345678", {"C12345678"}),
        ("CALLAUDIO_AUDIENCE", "requester", AudienceRule.REQUESTER),
        ("CALLAUDIO_RAW_TTL_HOURS", "0", 0),
        ("CALLAUDIO_METRICS_ADDRESS", "127.0.0.1:9090", ("127.0.0.1", 9090)),
        ("CALLAUDIO_METRICS_ADDRESS", "metrics.internal:9090", ("metrics.internal", 9090)),
        ("CALLAUDIO_METRICS_ADDRESS", "[::1]:9090", ("::1", 9090)),
        ("CALLAUDIO_METRICS_ADDRESS", "", None),
        ("HTTPS_PROXY", "http://proxy:8080", SecretStr("http://proxy:8080")),
        ("https_proxy", "http://proxy:8080", SecretStr("http://proxy:8080")),
        ("HTTPS_PROXY", "proxy.example:8080", SecretStr("http://proxy.example:8080")),
        ("HTTPS_PROXY", "https://u:p%40@proxy/", SecretStr("https://u:p%40@proxy/")),
        ("NO_PROXY", "localhost,.example", "localhost,.example"),
        ("no_proxy", "localhost", "localhost"),
        ("SSL_CERT_FILE", str(AUTHORITY), AUTHORITY),
        ("SSL_CERT_DIR", str(AUTHORITY.parent), AUTHORITY.parent),
    ],
)
def test_each_valid_value_is_accepted_and_proxies_in_upper_and_lower_case(name, value, expected):
    assert getattr(load_settings(REQUIRED | {name: value}), name.lower()) == expected


def test_more_agents_have_their_own_region_and_keys():
    agents = {"sales": SALES, "care_2": SALES | {"pii_api_key": "rawKey1", "region": "uk"}}
    settings = load_settings(REQUIRED | {"POLYAI_AGENTS": json.dumps(agents)})
    assert settings.polyai_agents["sales"].region is Region.US
    assert settings.polyai_agents["sales"].pii_api_key is None
    assert settings.polyai_agents["care_2"].agent_id == "sales-4"
    assert "rawKey1" in settings.secret_values


@each_row(
    ("agents", "words"),
    [
        ("{", ["is not JSON"]),
        ("[" * 100_000, ["is not JSON"]),
        ("[]", ["is not valid"]),
        ('{"a": {}, "a": {}}', ["holds a name twice"]),
        (json.dumps({"default": SALES}), ["has an entry `default`"]),
        ('{"sales": 1}', ["entry 'sales' has an unusable value"]),
        (
            json.dumps({"Sales": SALES, "care": {"agent_id": "a/b", "region": "mars", "key": "x"}}),
            [
                "entry 'Sales' has an unusable name",
                "entry 'care' has an unusable 'agent_id'",
                "entry 'care' has an unusable 'region'",
                "entry 'care' lacks 'api_key'",
                "entry 'care' holds 'key', which is unknown",
            ],
        ),
        (json.dumps({"sales": SALES | {"pii_api_key": "salesKey1"}}), ["one key as plain and"]),
        (json.dumps({"sales": SALES | {"pii_api_key": "plainKey1"}}), ["one key as plain and"]),
        (json.dumps({"sales": SALES | {"api_key": "rawKey1"}}), ["one key as plain and"]),
        (
            json.dumps({"a": SALES, "b": SALES | {"api_key": "k2", "pii_api_key": "salesKey1"}}),
            ["one key as plain and as raw in a, b"],
        ),
    ],
)
def test_every_bad_entry_of_the_agents_is_named_without_its_keys(agents, words):
    told = problems(POLYAI_AGENTS=agents, POLYAI_PII_API_KEY="rawKey1")
    assert len(told) == len(words)
    for problem, part in zip(told, words, strict=True):
        assert problem.startswith("POLYAI_AGENTS ")
        assert part in problem
        assert not any(key in problem for key in ("salesKey1", "plainKey1", "rawKey1"))


@each_row("agent", ["", "default:", "sales:", "https://studio.poly.ai/ws-1/care/"])
def test_the_canary_may_name_a_configured_agent(agent):
    canary = f"{agent}CA0123@0:05-0:10"
    agents = json.dumps({"sales": SALES})
    settings = load_settings(REQUIRED | {"POLYAI_AGENTS": agents, "CALLAUDIO_CANARY": canary})
    assert settings.callaudio_canary == canary


@each_row(
    ("name", "meant"),
    [
        ("CALLAUDIO_AUDIENSE", "CALLAUDIO_AUDIENCE"),
        ("CALLAUDIO_PORT", "PORT"),
        ("CALLAUDIO_DATABASE_URL", "DATABASE_URL"),
        ("POLYAI_AGENT", "POLYAI_AGENT_ID"),
        ("POLYAI_PII_KEY", "POLYAI_PII_API_KEY"),
        ("POLYAI_KEY", "POLYAI_API_KEY"),
        ("CALLAUDIO_POLYAI_REGION", "POLYAI_REGION"),
        ("CALLAUDIO_REDIS_HOST", None),
        ("CALLAUDIO_IMAGE", None),
        ("POLYAI_SIP_TRUNK", None),
    ],
)
def test_the_nearest_name_is_suggested_for_an_unknown_one(name, meant):
    (problem,) = problems(**{name: "8080"})
    assert problem == f"{name} is unknown: {f'did you mean {meant}?' if meant else 'remove it.'}"


SERVICE_LINKS = {
    "CALLAUDIO_SERVICE_HOST": "10.96.0.12",
    "CALLAUDIO_SERVICE_PORT": "3000",
    "CALLAUDIO_SERVICE_PORT_HTTP_METRICS": "9090",
    "CALLAUDIO_PORT": "tcp://10.96.0.12:3000",
    "CALLAUDIO_PORT_3000_TCP": "tcp://10.96.0.12:3000",
    "CALLAUDIO_PORT_3000_TCP_PROTO": "tcp",
    "CALLAUDIO_PORT_3000_TCP_PORT": "3000",
    "CALLAUDIO_PORT_3000_TCP_ADDR": "10.96.0.12",
    "CALLAUDIO_WEB_PORT_53_UDP": "udp://[fd00::12]:53",
    "POLYAI_EGRESS_PROXY_SERVICE_HOST": "10.96.0.13",
    "POLYAI_EGRESS_PROXY_PORT_3000_TCP": "tcp://10.96.0.13:3000",
}


def test_variables_of_kubernetes_services_are_ignored():
    assert load_settings(REQUIRED | SERVICE_LINKS) == load_settings(REQUIRED)


def test_no_service_can_take_the_name_of_a_setting():
    for setting in Settings.model_fields:
        assert not setting.upper().endswith(("_PORT", "_SERVICE_HOST", "_TCP", "_ADDR", "_PROTO"))


SECRET = "Zq7vB2nL9xK4Zq7vB2nL9xK4"


@each_row(
    ("name", "value", "said"),
    [
        ("SLACK_SIGNING_SECRET", f'"{SECRET}"', "has quotes around its value"),
        ("SLACK_SIGNING_SECRET", f"'{SECRET}'", "has quotes around its value"),
        ("SLACK_SIGNING_SECRET", f"\N{LEFT DOUBLE QUOTATION MARK}{SECRET}", "has quotes"),
        ("SLACK_SIGNING_SECRET", f"{SECRET} {SECRET}", "holds white space"),
        ("SLACK_SIGNING_SECRET", f"{SECRET}\u200b", "a character that is not ASCII"),
        ("SLACK_SIGNING_SECRET", f"xoxb-{SECRET}", "it begins with xoxb-"),
        ("SLACK_SIGNING_SECRET", f"xapp-{SECRET}", "it begins with xapp-"),
        ("SLACK_BOT_TOKEN", f'"xoxb-{SECRET}"', "has quotes around its value"),
        ("SLACK_BOT_TOKEN", f"xoxp-{SECRET}", "it begins with xoxp-"),
        ("SLACK_BOT_TOKEN", f"xapp-{SECRET}", "it begins with xapp-"),
        ("SLACK_BOT_TOKEN", f"xoxe.xoxb-{SECRET}", "it begins with xoxe."),
        ("SLACK_BOT_TOKEN", SECRET, "is not of the form xoxb-"),
        ("SLACK_BOT_TOKEN", "xoxb-", "is not of the form xoxb-"),
        ("SLACK_APP_TOKEN", f"xoxb-{SECRET}", "it begins with xoxb-"),
        ("SLACK_APP_TOKEN_FILE", f"xapp-1-{SECRET}", "is a file, unreadable or empty"),
        ("POLYAI_API_KEY", f"xoxb-{SECRET}", "it begins with xoxb-"),
        ("POLYAI_PII_API_KEY", f"`{SECRET}`", "has quotes around its value"),
        ("POLYAI_PII_API_KEY", "plainKey1", "the plain key must be one without PII access"),
        ("POLYAI_PLATFORM_API_KEY", f"{SECRET}\t{SECRET}", "holds white space"),
        ("DATABASE_URL", f'"postgresql://u:{SECRET}@db/x"', "has quotes around its value"),
        (
            "POLYAI_AGENTS",
            json.dumps({"sales": SALES | {"api_key": f"{SECRET} "}}),
            "entry 'sales' has an unusable 'api_key': it holds white space",
        ),
        ("CALLAUDIO_ADMINS", "U1234567, bob, @ann", "holds 'bob', '@ann': use user ids"),
        *((name, SECRET, "is unknown: ") for name in ("CALLAUDIO_X", "POLYAI_REGION_FILE")),
        ("HTTPS_PROXY", "socks5://proxy:1080", "is not valid"),
        ("HTTPS_PROXY", "http://", "is not valid"),
        ("HTTPS_PROXY", "http://proxy:8080/path", "is not valid"),
        ("HTTPS_PROXY", f"http://u:{SECRET}@proxy:port", "is not valid"),
        ("SSL_CERT_FILE", "no/such/file.pem", "cannot be read"),
        ("SSL_CERT_FILE", __file__, "holds no certificates"),
        ("SSL_CERT_DIR", "no/such/folder", "is "),
        ("POLYAI_PLATFORM_API_KEY", SECRET, "is set without POLYAI_ACCOUNT_ID"),
    ],
)
def test_an_unusable_value_is_reported_without_a_secret(name, value, said):
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} ")
    assert said in problem
    assert not any(secret in problem for secret in (SECRET, "plainKey1"))


def test_settings_that_contradict_each_other_are_refused():
    account = {"POLYAI_ACCOUNT_ID": "ws-1", "POLYAI_PLATFORM_API_KEY": "rawKey1"}
    assert load_settings(REQUIRED | account).polyai_platform_url is None
    (told,) = problems(POLYAI_PII_API_KEY="rawKey1", **account)
    assert told.startswith("POLYAI_PLATFORM_API_KEY equals a raw key")
    assert "rawKey1" not in told
    platform = {"POLYAI_PLATFORM_URL": "https://platform.example"}
    for half in ({"POLYAI_ACCOUNT_ID": "ws-1"}, platform, {"POLYAI_ACCOUNT_ID": "ws-1"} | platform):
        (told,) = problems(**half)
        assert told.startswith("POLYAI_PLATFORM_API_KEY is not set, but ")

    canary = {"CALLAUDIO_CANARY": "care:CA0123@0:05-0:10"}
    (told,) = problems(POLYAI_AGENTS=json.dumps({"sales": SALES}), **canary)
    assert "CALLAUDIO_CANARY names the agent 'care', which is not in POLYAI_AGENTS" in told
    (told,) = problems(POLYAI_AGENTS="{", **canary)
    assert told.startswith("POLYAI_AGENTS ")


def test_quotes_are_reported_for_every_variable_at_once():
    told = problems(POLYAI_REGION='"eu"', PORT="'3000'", SLACK_SIGNING_SECRET='"5ca1ab1e"')
    assert [each.split()[0] for each in told] == ["SLACK_SIGNING_SECRET", "POLYAI_REGION", "PORT"]
    assert all("has quotes around its value: remove the quotes." in each for each in told)


def test_quotes_in_the_file_of_a_secret_are_reported(tmp_path):
    file = tmp_path / "key"
    file.write_text(f'"{SECRET}"\r\n')
    (problem,) = problems(POLYAI_PII_API_KEY_FILE=str(file))
    assert problem == "POLYAI_PII_API_KEY has quotes around its value: remove the quotes."


def test_names_of_other_programs_are_ignored():
    load_settings(REQUIRED | {"PATH": "/bin", "SLACK_CLIENT_ID": "1", "PORT_FILE": "x"})


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_any_secret_may_come_from_a_file(name, tmp_path):
    values = REQUIRED | {
        "SLACK_APP_TOKEN": "xapp-1",
        "POLYAI_PII_API_KEY": "rawKey1",
        "POLYAI_AGENTS": json.dumps({"sales": SALES}),
        "POLYAI_ACCOUNT_ID": "ws-1",
        "POLYAI_PLATFORM_API_KEY": "platformKey",
        "DATABASE_URL": "postgresql://u:p@db/x",
        "HTTPS_PROXY": "http://u:p@proxy:8080",
    }
    file = tmp_path / "secret"
    file.write_text(f"{values[name]} \n")
    moved = {key: value for key, value in values.items() if key != name}
    assert load_settings(moved | {f"{name}_FILE": str(file)}) == load_settings(values)
    with pytest.raises(SettingsError, match=f"{name} and {name}_FILE are both set"):
        load_settings(values | {f"{name}_FILE": str(file)})


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_an_unusable_file_is_reported_by_its_path_only(content, tmp_path):
    file = tmp_path / "pii-key"
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems(POLYAI_PII_API_KEY_FILE=str(file))
    assert problem.startswith(f"POLYAI_PII_API_KEY_FILE is '{file}', unreadable or empty")


def test_a_missing_file_of_a_required_secret_is_one_problem_not_two():
    assert len(problems(POLYAI_API_KEY="", POLYAI_API_KEY_FILE="no/such/file")) == 1


def shown(environ: dict[str, str]) -> str:
    try:
        settings = load_settings(environ)
    except SettingsError as error:
        return str(error)
    return f"{settings!r} {settings} {settings.model_dump_json()}"


@given(
    st.sampled_from([name for name in Settings.model_fields if not name.endswith("_id")]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=21, max_size=60),
)
def test_a_secret_in_any_variable_is_never_repeated(field, secret):
    assert secret not in shown(REQUIRED | {field.upper(): f"xoxb-{secret}"})
    assert secret not in shown(REQUIRED | {field.upper(): secret})


def test_secrets_are_masked_wherever_settings_are_shown():
    settings = load_settings(
        REQUIRED
        | {
            "POLYAI_PII_API_KEY": "rawKey1",
            "POLYAI_AGENTS": json.dumps({"sales": SALES}),
            "DATABASE_URL": "postgresql://user:p%40ss@db/x?password=other",
            "HTTPS_PROXY": (proxy := "http://user:pr%40xy@proxy:8080"),
        }
    )
    secrets = {"xoxb-1-abc", "5ca1ab1e5ca1ab1e", "plainKey1", "rawKey1", "salesKey1"}
    passwords = {"p%40ss", "p@ss", "other", "pr%40xy", "pr@xy", proxy}
    assert settings.secret_values == secrets | passwords
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert not any(secret in shown for secret in settings.secret_values)


@pytest.fixture
def with_file(tmp_path):
    """Read a file `.env` of that content, beside an environment; returns the environment."""

    def read(content: str | bytes, environ: dict[str, str]) -> dict[str, str]:
        file = tmp_path / ".env"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        read_env_file(file, environ)
        return environ

    return read


WITHOUT_KEY = {**REQUIRED, "POLYAI_API_KEY": ""}


def test_an_env_file_is_read_and_the_environment_takes_precedence(with_file):
    content = (
        "\ufeff# the bot\r\n"
        "SLACK_BOT_TOKEN=xoxb-1-abc\r\n"
        'SLACK_SIGNING_SECRET="5ca1ab1e$HOME"\r\n'
        "export POLYAI_REGION='eu'\r\n"
        "POLYAI_AGENT_ID = PROJECT-1  # the default\r\n"
        "POLYAI_API_KEY=plainKey1\r\n"
        'POLYAI_AGENTS=\'{"sales": {"agent_id": "sales", "region": "us", "api_key": "k"}}\'\r\n'
        "PORT=4000\r\n"
        "CALLAUDIO_ADMINS=\r\n"
        "\r\n"
    )
    environ = with_file(content, {"PORT": "5000", "PATH": "/bin"})
    settings = load_settings(environ)
    assert settings.port == 5000
    assert settings.slack_signing_secret.get_secret_value() == "5ca1ab1e$HOME"
    assert settings.polyai_region is Region.EU
    assert settings.polyai_agent_id == "PROJECT-1"
    assert settings.polyai_api_key.get_secret_value() == "plainKey1"
    assert list(settings.polyai_agents) == ["sales"]
    assert environ["PATH"] == "/bin"


def test_an_empty_variable_does_not_override_the_env_file(with_file):
    environ = with_file(
        "DATABASE_URL=postgresql://db/x\nPORT=4000\nCALLAUDIO_LOG_FORMAT=\n",
        {"DATABASE_URL": "", "PORT": " ", "CALLAUDIO_LOG_FORMAT": "console"},
    )
    assert load_database_url(environ) == "postgresql://db/x"
    assert load_settings(REQUIRED | environ).port == 4000
    assert environ["CALLAUDIO_LOG_FORMAT"] == "console"


@each_row(
    ("name", "meant"),
    [
        ("SLACK_BOTTOKEN", "SLACK_BOT_TOKEN"),
        ("SLACK_APP_TOKN", "SLACK_APP_TOKEN"),
        ("SLACK_SIGNING_SECRET_FIEL", "SLACK_SIGNING_SECRET_FILE"),
        ("slack_app_token", "SLACK_APP_TOKEN"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("port", "PORT"),
        ("SLACK_CLIENT_ID", None),
        ("DATABASE_USER", None),
        ("POSTGRES_PASSWORD", None),
        ("HTTP_PROXY", None),
    ],
)
def test_a_typing_error_in_a_name_of_the_env_file_is_reported(with_file, name, meant):
    content, environ = f"{name}=value-not-shown\n", {"DATABSE_URL": "of another program"}
    if meant is None:
        assert with_file(content, environ)[name] == "value-not-shown"
        return
    with pytest.raises(SettingsError) as caught:
        with_file(content, environ)
    assert caught.value.problems == (f"{name} is unknown: did you mean {meant}?",)


@each_row("in_file", ["HTTPS_PROXY", "https_proxy"])
@each_row("in_environment", ["HTTPS_PROXY", "https_proxy"])
def test_the_proxy_of_the_environment_takes_precedence_in_upper_and_lower_case(
    with_file, in_file, in_environment
):
    environ = {in_environment: "http://of-the-environment:8080"}
    with_file(f"{in_file}=http://of-the-file:8080\n", environ)
    proxy = load_settings(REQUIRED | environ).https_proxy
    assert proxy
    assert proxy.get_secret_value() == "http://of-the-environment:8080"


@each_row("in_file", ["POLYAI_API_KEY", "POLYAI_API_KEY_FILE"])
@each_row("in_environment", ["POLYAI_API_KEY", "POLYAI_API_KEY_FILE"])
def test_a_secret_of_the_environment_takes_precedence_as_a_value_and_as_a_file(
    with_file, tmp_path, in_file, in_environment
):
    def secret(name: str, value: str) -> str:
        secret_file = tmp_path / value
        secret_file.write_text(value)
        return str(secret_file) if name.endswith("_FILE") else value

    environ = WITHOUT_KEY | {in_environment: secret(in_environment, "ofTheEnvironment1")}
    with_file(f"{in_file}={secret(in_file, 'ofTheFile1')}\n", environ)
    assert load_settings(environ).polyai_api_key.get_secret_value() == "ofTheEnvironment1"


def test_a_secret_that_the_file_sets_as_a_value_and_as_a_file_is_reported(with_file):
    content = "POLYAI_API_KEY=plainKey1\nPOLYAI_API_KEY_FILE=/run/secrets/key\n"
    with pytest.raises(SettingsError, match="POLYAI_API_KEY_FILE are both set"):
        load_settings(with_file(content, {**WITHOUT_KEY}))


def test_the_last_value_of_a_repeated_setting_counts(with_file):
    content = "POLYAI_API_KEY=formerKey1\nPOLYAI_API_KEY=newKey1\nPOLYAI_API_KEY=\n"
    settings = load_settings(with_file(content, {**WITHOUT_KEY}))
    assert settings.polyai_api_key.get_secret_value() == "newKey1"


def test_a_missing_env_file_is_no_problem(tmp_path):
    environ: dict[str, str] = {}
    read_env_file(tmp_path / ".env", environ)
    assert environ == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"PORT=1\nSLACK_BOT_TOKEN='xoxb-{SECRET}\n".encode(), "is not closed: see line 2."),
        (b"\xff\xfe\x00", "is not a text file that this user may read: save it as UTF-8, and let"),
        (None, "is not a text file that this user may read: save it as UTF-8, and let"),
    ],
)
def test_an_unreadable_settings_file_is_reported_without_its_content(tmp_path, content, said):
    file = tmp_path / ".env"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    environ: dict[str, str] = {}
    with pytest.raises(SettingsError) as caught:
        read_env_file(file, environ)
    (problem,) = caught.value.problems
    assert said in problem
    assert str(file) in problem
    assert SECRET not in problem
    assert caught.value.__cause__ is None
    assert environ == {}


def test_migrations_need_only_the_database(tmp_path):
    assert load_database_url({}) == "sqlite:///callaudio.db"
    assert load_database_url({"DATABASE_URL": "postgres://db/x"}) == "postgresql://db/x"
    file = tmp_path / "url"
    file.write_text("postgresql://db/y\n")
    assert load_database_url({"DATABASE_URL_FILE": str(file)}) == "postgresql://db/y"


@pytest.mark.parametrize(
    "environ",
    [
        {"DATABASE_URL": "mysql://user:hunter2@db/x"},
        {"DATABASE_URL_FILE": "no/such/file"},
        {"DATABASE_URL": "postgres://user:hunter2@db/x", "DATABASE_URL_FILE": "no/such/file"},
    ],
)
def test_migrations_refuse_an_unusable_database_without_its_password(environ):
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        load_database_url(environ)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_operators_commands_need_only_the_first_admins():
    assert load_first_admins({}) == frozenset()
    named = {"CALLAUDIO_ADMINS": " U0ALICE00, W0BOB0000 ,"}
    assert load_first_admins(named) == {"U0ALICE00", "W0BOB0000"}
    with pytest.raises(SettingsError, match="CALLAUDIO_ADMINS holds 'alice': use user ids"):
        load_first_admins({"CALLAUDIO_ADMINS": "alice"})
    with pytest.raises(SettingsError, match="CALLAUDIO_ADMINS has quotes"):
        load_first_admins({"CALLAUDIO_ADMINS": '"U0ALICE00"'})


def test_every_setting_says_what_a_usable_value_is():
    assert all(field.description for field in Settings.model_fields.values())


def test_variables_that_would_start_an_oauth_flow_are_reported():
    (told,) = problems(SLACK_CLIENT_ID="1.2", SLACK_CLIENT_SECRET="made-up-secret")
    assert told.startswith("SLACK_CLIENT_ID and SLACK_CLIENT_SECRET ")
    assert "made-up-secret" not in told
