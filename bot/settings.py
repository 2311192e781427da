"""Every setting in one frozen object, checked."""

import json
import re
import ssl
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.database_url import DatabaseUrlRefused, spelt_for_the_drivers
from bot.time_spans import parse_time_span

SECRET_NAMES: Final = (  # each may come as NAME_FILE too
    *("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "POLYAI_API_KEY"),
    *("POLYAI_PII_API_KEY", "POLYAI_AGENTS", "POLYAI_PLATFORM_API_KEY", "DATABASE_URL"),
    "HTTPS_PROXY",  # it may hold a password
)
MASK: Final = "**********"
MAX_SHOWN_CHARS: Final = 20  # keys have about 32: one pasted into the wrong variable stays unseen


class Region(StrEnum):
    """Where the PolyAI workspace lives."""

    US = "us"
    EU = "eu"
    UK = "uk"
    STUDIO = "studio"


class AudienceRule(StrEnum):
    """Whose rights decide whether raw audio may be posted."""

    CLEARED = "cleared"
    REQUESTER = "requester"


class CheckRedaction(StrEnum):
    """Which redacted recordings are held against the raw ones."""

    DELIVER = "deliver"
    SAMPLE = "sample"
    OFF = "off"


class SettingsError(Exception):
    """The environment cannot be used; ``problems`` holds one sentence per problem, no secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def _told(said: str) -> PydanticCustomError:
    """Build the one kind of error whose words reach the operator: all others may hold values."""
    return PydanticCustomError("told", "{said}", {"said": said})


def shown(value: str) -> str:
    """Quote a value for a complaint, unless it is long or looks like a token."""
    is_harmless = len(value) <= MAX_SHOWN_CHARS and not re.search(r"xox|xapp", value)
    return repr(value) if is_harmless else "something that is not shown here"


def _secret(prefix: str = "") -> AfterValidator:
    """Check the form of a secret; without a prefix it may be anything but a token of Slack's."""

    def check(secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if not re.fullmatch(r"[!-~]+", value):  # one header value: ASCII without a space
            raise _told("holds white space or a character that is not ASCII")
        token = re.match(r"(xox[a-z]|xapp)[-.]", value)
        if token and not (prefix and token[0] == prefix):
            raise _told(f"is another kind of token: it begins with {token[0]}")
        if not value.startswith(prefix) or value == prefix:
            raise _told(f"is not of the form {prefix}\N{HORIZONTAL ELLIPSIS}")
        return secret

    return AfterValidator(check)


def _ids(pattern: str) -> BeforeValidator:
    def check(given: object) -> object:
        if not isinstance(given, str):
            return given
        ids = [each.strip() for each in given.split(",") if each.strip()]
        if bad := [shown(each) for each in ids if not re.fullmatch(pattern, each)]:
            raise _told(f"holds {', '.join(bad)}")
        return frozenset(ids)

    return BeforeValidator(check)


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_loopback = host == "localhost" or (parts.scheme == "http" and ip_address(host).is_loopback)
    is_bare = parts.username is None and not parts.query and not parts.fragment
    if not host or not is_bare or parts.port == 0 or not re.fullmatch(r"[!-~]+", url):
        raise ValueError
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback):
        raise ValueError
    return url.rstrip("/")


def _proxy(given: SecretStr) -> SecretStr:
    url = given.get_secret_value()
    url = url if "://" in url else f"http://{url}"  # as curl reads it
    parts = urlsplit(url)
    is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if not is_whole or parts.path not in ("", "/") or not re.fullmatch(r"[!-~]+", url):
        raise ValueError
    return SecretStr(url)


def _authorities(file: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        fault = "holds no certificates" if isinstance(error, ssl.SSLError) else "cannot be read"
        raise _told(fault) from None
    return file


def _address(address: str) -> str:
    host, port = split_address(address)
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65_535  # noqa: PLR2004 - the last port
    if not is_port or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        raise ValueError
    return address


def split_address(address: str) -> tuple[str, str]:
    """Split ``host:port``; an IPv6 host stands in brackets."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port


def check_database_url(url: str) -> str:
    """Accept a SQLite file or a PostgreSQL URL, and spell it as the drivers want it.

    Raises:
        PydanticCustomError: it holds what cannot be done, in words that may be shown.
        ValueError: it is neither.
    """
    try:
        return spelt_for_the_drivers(url)
    except DatabaseUrlRefused as error:
        raise _told(str(error)) from None


def _canary(given: str) -> str:
    conversation, _, spans = given.rpartition("@")
    if not re.fullmatch(r"[!-~]+", conversation):
        raise ValueError
    for span in spans.split(","):
        parse_time_span(span)
    return given


def _agents(given: object) -> object:
    """Parse the JSON of POLYAI_AGENTS; a name given twice would lose a key in silence."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise _told("holds a name twice")
        return dict(pairs)

    if not isinstance(given, str):
        return given
    try:
        return json.loads(given, object_pairs_hook=unique)
    except (json.JSONDecodeError, RecursionError):
        raise _told("is not JSON") from None


Key = Annotated[SecretStr, _secret()]
Url = Annotated[str, AfterValidator(_safe_url)]
PolyAIName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
AgentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Hidden = pydantic.PlainSerializer(lambda _: MASK, when_used="json")
Count = Annotated[int, Field(ge=0)]
DatabaseUrl = Annotated[
    str,  # as SQLAlchemy and Alembic want it; it may hold a password, so nothing shows it
    AfterValidator(check_database_url),
    Hidden,
]


AdminIds = Annotated[frozenset[str], _ids(r"[UW][A-Z0-9]{6,}")]


class AgentSettings(pydantic.BaseModel):
    """One more agent, reached as ``/callaudio name:CA…``, with its own region and keys."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    agent_id: PolyAIName
    region: Region
    api_key: Key
    pii_api_key: Key | None = None


Agents = Annotated[Mapping[AgentName, AgentSettings], BeforeValidator(_agents)]


class Settings(BaseSettings):
    """Every setting, checked; a description says what a usable value is. Reads no environment.

    Raises:
        pydantic.ValidationError: from the constructor; ``load_settings`` turns it into sentences.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    slack_bot_token: Annotated[SecretStr, _secret("xoxb-")] = Field(
        description="the bot token of the installed app; it starts with xoxb-"
    )
    slack_signing_secret: Key = Field(description="the signing secret of the app")
    slack_app_token: Annotated[SecretStr, _secret("xapp-")] | None = Field(
        None, description="an app-level token, starting with xapp-, to switch Socket Mode on"
    )
    slack_api_url: Annotated[Url, AfterValidator("{}/".format)] | None = Field(
        None, description="https://…, or http:// on loopback only; unset: Slack's own"
    )
    polyai_region: Region = Field(description="us, eu, uk or studio")
    polyai_agent_id: PolyAIName = Field(description="the id of the default agent, PROJECT-…")
    polyai_api_key: Key = Field(description="the plain key, one without PII access")
    polyai_pii_api_key: Key | None = Field(
        None, description="a second key, with PII access; the plain key must be one without"
    )
    polyai_agents: Agents = Field(
        {},
        description='JSON such as {"sales": {"agent_id": "…", "region": "eu", "api_key": "…", '
        '"pii_api_key": "…"}}, the last one optional, names in lower case',
    )
    polyai_api_url: Url | None = Field(
        None, description="https://…, or http:// on loopback only; unset: from the region"
    )
    polyai_account_id: PolyAIName | None = Field(
        None, description="the account of the v3 list, together with POLYAI_PLATFORM_API_KEY"
    )
    polyai_platform_url: Url | None = Field(
        None, description="https://…, or http:// on loopback only; unset: from the region"
    )
    polyai_platform_api_key: Key | None = Field(
        None,
        validate_default=True,
        description="a key of the v3 list, together with POLYAI_ACCOUNT_ID, or neither",
    )
    database_url: DatabaseUrl = Field(
        "sqlite:///callaudio.db",
        repr=False,
        description="sqlite:///path/to/file.db or postgresql://user:password@host/name",
    )
    port: int = Field(3000, ge=1, le=65_535, description="a port from 1 to 65535")
    callaudio_admins: AdminIds = Field(
        frozenset(), description="user ids such as U012ABCDEF, separated by commas"
    )
    callaudio_approvals_channel: Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{8,19}$")] | None = (
        Field(
            None, description="a channel id such as C012ABCDEF; unset: the admins' direct messages"
        )
    )
    callaudio_max_grant_hours: int = Field(
        8, ge=1, le=87_600, description="hours a person may ask to hear raw for, 1 to 87600"
    )
    callaudio_external_channels: Annotated[frozenset[str], _ids(r"[CG][A-Z0-9]{8,}")] = Field(
        frozenset(), description="channel ids such as C012ABCDEF, separated by commas"
    )
    callaudio_audience: AudienceRule = Field(
        AudienceRule.CLEARED,
        description="cleared (raw only where every human listener is cleared) or requester "
        "(only the requester's right counts)",
    )
    callaudio_max_audience: Annotated[Count, Field(le=100_000)] = Field(
        500, description="a whole number of people, 0 to 100000; with more listeners: redacted"
    )
    callaudio_raw_ttl_hours: Annotated[Count, Field(le=87_600)] = Field(
        24, description="hours until raw files are deleted from Slack, 0 (never) to 87600"
    )
    callaudio_max_recording_mb: int = Field(
        1024, ge=1, le=1_000_000, description="megabytes, 1 to 1000000; larger: refused"
    )
    callaudio_check_redaction: CheckRedaction = Field(
        CheckRedaction.SAMPLE,
        description="deliver (each redacted recording is checked before it is posted), sample "
        "(one of twenty is, after it was) or off; only with a raw key",
    )
    callaudio_canary: Annotated[str, AfterValidator(_canary)] | None = Field(
        None,
        description="a call and the moments that are muted in it, such as "
        "CA0123@0:05.2-0:10.4,1:02-1:03.5",
    )
    callaudio_metrics_address: Annotated[str, AfterValidator(_address)] | None = Field(
        None,
        description="host:port, of another port than PORT, such as 127.0.0.1:9090 or 0.0.0.0:9090",
    )
    callaudio_log_format: Literal["json", "console"] = Field("json", description="json or console")
    https_proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = Field(
        None, description="http://host:port, or http://user:password@host:port"
    )
    no_proxy: Annotated[str, Hidden] = Field(
        "", repr=False, description="hosts that are called directly, separated by commas"
    )
    ssl_cert_file: Annotated[Path, AfterValidator(_authorities)] | None = Field(
        None, description="a PEM file of the authorities to trust instead of the usual ones"
    )
    ssl_cert_dir: pydantic.DirectoryPath | None = Field(
        None, description="a folder of authorities to trust, as OpenSSL keeps it"
    )

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # only two of its five are of use
        cls, *_: object, init_settings: PydanticBaseSettingsSource, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor alone, so that tests never see the machine's own."""
        return (init_settings,)

    @property
    def secret_values(self) -> frozenset[str]:
        """Every secret in clear, for the log mask and nothing else."""
        fields = [*self, *(field for agent in self.polyai_agents.values() for field in agent)]
        keys = {value.get_secret_value() for _, value in fields if isinstance(value, SecretStr)}
        proxy = self.https_proxy.get_secret_value() if self.https_proxy else ""
        urls = f"{self.database_url} {proxy}"
        found = re.findall(r"://[^:/@ ]*:([^@ ]*)@|[?&]password=([^& ]*)", urls)
        passwords = {password for pair in found for password in pair}
        return frozenset((keys | passwords | {unquote(each) for each in passwords}) - {""})

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Where operators ask, and nobody else: host and port."""
        if self.callaudio_metrics_address is None:
            return None
        host, port = split_address(self.callaudio_metrics_address)
        return host, int(port)

    @pydantic.field_validator("callaudio_metrics_address")
    @classmethod
    def _keep_ports_apart(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address and split_address(address)[1] == str(info.data.get("port")):
            raise _told("has the port of PORT, which everybody may ask")
        return address

    @pydantic.field_validator("polyai_pii_api_key")
    @classmethod
    def _keep_keys_apart(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key and key == info.data.get("polyai_api_key"):
            raise _told("equals POLYAI_API_KEY, but the plain key must be one without PII access")
        return key

    @pydantic.field_validator("polyai_agents")
    @classmethod
    def _keep_agents_keys_apart(
        cls, agents: Mapping[str, AgentSettings], info: ValidationInfo
    ) -> Mapping[str, AgentSettings]:
        plain = {info.data.get("polyai_api_key"), *(each.api_key for each in agents.values())}
        raw = {info.data.get("polyai_pii_api_key"), *(each.pii_api_key for each in agents.values())}
        both = (plain & raw) - {None}
        if bad := [
            name for name, each in agents.items() if both & {each.api_key, each.pii_api_key}
        ]:
            raise _told(
                f"uses one key as plain and as raw in {', '.join(bad)}, "
                "but the plain key must be one without PII access"
            )
        return agents

    @pydantic.field_validator("polyai_platform_api_key")
    @classmethod
    def _keep_account_whole(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        account, url = (
            info.data.get(f"polyai_{each}", MASK) for each in ("account_id", "platform_url")
        )
        if key and account is None:
            raise _told("is set without POLYAI_ACCOUNT_ID")
        named = info.data.get("polyai_agents") or {}
        raw = {info.data.get("polyai_pii_api_key"), *(each.pii_api_key for each in named.values())}
        if key and key in raw:
            raise _told("equals a raw key, which is for raw recordings alone")
        if not key and (account or url):
            raise _told("is not set, but POLYAI_ACCOUNT_ID or POLYAI_PLATFORM_URL is")
        return key
