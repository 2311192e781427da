"""Every setting in one frozen object, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import unquote

import pydantic
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.choices import AudienceRule, CheckRedaction, HeldLimits
from bot.settings.value_types import (
    MASK,
    AdminIds,
    Agents,
    AgentSettings,
    Count,
    DatabaseUrl,
    Hidden,
    HostAndPort,
    Key,
    PolyAIName,
    Region,
    Url,
    authorities_file,
    canary_spans,
    ids_of_form,
    problem,
    proxy_url,
    secret,
    shown,
)

SECRET_NAMES: Final = (  # each may also be set as NAME_FILE
    *("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "POLYAI_API_KEY"),
    *("POLYAI_PII_API_KEY", "POLYAI_AGENTS", "POLYAI_PLATFORM_API_KEY", "DATABASE_URL"),
    "HTTPS_PROXY",  # it may hold a password
)


NOT_SET: Final = "is not set"


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """Why a setting, or the file ``.env``, cannot be used, and what to do; without secrets."""

    name: str
    fault: str
    fix: str

    def __str__(self) -> str:
        """Return both in one sentence."""
        return f"{self.name} {self.fault}: {self.fix}"


class SettingsError(Exception):
    """The settings cannot be used; ``problems`` has one sentence for each of ``found``."""

    def __init__(self, found: tuple[SettingProblem, ...]) -> None:
        self.found = found
        self.problems = tuple(str(each) for each in found)
        super().__init__("\n".join(self.problems))


class Settings(BaseSettings):
    """Every setting, checked; a description says what a usable value is. Reads no environment.

    Raises:
        pydantic.ValidationError: from the constructor; ``load_settings`` turns it into sentences.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    slack_bot_token: Annotated[SecretStr, secret("xoxb-")] = Field(
        description="the bot token of the installed app; it starts with xoxb-"
    )
    slack_signing_secret: Key = Field(description="the signing secret of the app")
    slack_app_token: Annotated[SecretStr, secret("xapp-")] | None = Field(
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
    callaudio_external_channels: Annotated[frozenset[str], ids_of_form(r"[CG][A-Z0-9]{8,}")] = (
        Field(frozenset(), description="channel ids such as C012ABCDEF, separated by commas")
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
    callaudio_keep_deliveries_days: Annotated[Count, Field(le=3650)] = Field(
        90, description="days until deliveries that ended are forgotten, 0 (never) to 3650"
    )
    callaudio_downgrade: Literal["on", "off"] = Field(
        "on",
        description="on (where a raw recording may no longer be heard, the redacted one follows "
        "unasked) or off (it is only offered)",
    )
    callaudio_max_recording_mb: int = Field(
        1024, ge=1, le=1_000_000, description="megabytes, 1 to 1000000; larger: refused"
    )
    callaudio_max_waiting: int = Field(
        20, ge=1, le=100_000, description="recordings one person may have on their way, 1 to 100000"
    )
    callaudio_slack_limits: HeldLimits | None = Field(
        None,
        description="published (calls are kept within Slack's published limits) or learnt (within "
        "them once Slack has refused one); unset: learnt behind SLACK_API_URL, else published",
    )
    callaudio_check_redaction: CheckRedaction = Field(
        CheckRedaction.SAMPLE,
        description="deliver (each redacted recording is checked before it is posted), sample "
        "(one of twenty is, after it was) or off; only with a raw key",
    )
    callaudio_canary: Annotated[str, AfterValidator(canary_spans)] | None = Field(
        None,
        description="a call and the moments that are muted in it, such as "
        "CA0123@0:05.2-0:10.4,1:02-1:03.5",
    )
    callaudio_metrics_address: HostAndPort | None = Field(
        None,
        description="host:port, of another port than PORT, such as 127.0.0.1:9090 or 0.0.0.0:9090",
    )
    callaudio_log_format: Literal["json", "console"] = Field("json", description="json or console")
    https_proxy: Annotated[SecretStr, AfterValidator(proxy_url)] | None = Field(
        None, description="http://host:port, or http://user:password@host:port"
    )
    no_proxy: Annotated[str, Hidden] = Field(
        "", repr=False, description="hosts that are called directly, separated by commas"
    )
    ssl_cert_file: Annotated[Path, AfterValidator(authorities_file)] | None = Field(
        None, description="a PEM file of the authorities to trust instead of the usual ones"
    )
    ssl_cert_dir: pydantic.DirectoryPath | None = Field(
        None, description="a folder of authorities to trust, as OpenSSL keeps it"
    )

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # only two of its five are of use
        cls, *_: object, init_settings: PydanticBaseSettingsSource, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor only, so that tests never read the real environment."""
        return (init_settings,)

    @property
    def secret_values(self) -> frozenset[str]:
        """Every secret in plain text, only for masking the log."""
        fields = [*self, *(field for agent in self.polyai_agents.values() for field in agent)]
        keys = {value.get_secret_value() for _, value in fields if isinstance(value, SecretStr)}
        proxy = self.https_proxy.get_secret_value() if self.https_proxy else ""
        urls = f"{self.database_url} {proxy}"
        found = re.findall(r"://[^:/@ ]*:([^@ ]*)@|[?&]password=([^& ]*)", urls)
        passwords = {password for pair in found for password in pair}
        return frozenset((keys | passwords | {unquote(each) for each in passwords}) - {""})

    @property
    def keep_raw(self) -> timedelta | None:
        """How long raw files stay in Slack; None: without a time limit."""
        hours = self.callaudio_raw_ttl_hours
        return timedelta(hours=hours) if hours else None

    @pydantic.field_validator("callaudio_metrics_address")
    @classmethod
    def _keep_ports_apart(
        cls, address: HostAndPort | None, info: ValidationInfo
    ) -> HostAndPort | None:
        if address and address[1] == info.data.get("port"):
            raise problem("has the port of PORT, which everybody may ask")
        return address

    @pydantic.field_validator("polyai_pii_api_key")
    @classmethod
    def _keep_keys_apart(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key and key == info.data.get("polyai_api_key"):
            raise problem("equals POLYAI_API_KEY, but the plain key must be one without PII access")
        return key

    @pydantic.field_validator("polyai_agents")
    @classmethod
    def _keep_agents_keys_apart(
        cls, agents: Mapping[str, AgentSettings], info: ValidationInfo
    ) -> Mapping[str, AgentSettings]:
        if "default" in agents:
            raise problem("has an entry `default`, the name of the agent in POLYAI_AGENT_ID")
        plain = {info.data.get("polyai_api_key"), *(each.api_key for each in agents.values())}
        raw = {info.data.get("polyai_pii_api_key"), *(each.pii_api_key for each in agents.values())}
        both = (plain & raw) - {None}
        if bad := [
            name for name, each in agents.items() if both & {each.api_key, each.pii_api_key}
        ]:
            raise problem(
                f"uses one key as plain and as raw in {', '.join(bad)}, "
                "but the plain key must be one without PII access"
            )
        return agents

    @pydantic.field_validator("callaudio_canary")
    @classmethod
    def _know_agent_of_canary(cls, canary: str | None, info: ValidationInfo) -> str | None:
        conversation = (canary or "").rpartition("@")[0]
        # A link has a slash; which agent it belongs to is found at each check.
        name, has_name, _ = ("" if "/" in conversation else conversation).partition(":")
        named = info.data.get("polyai_agents")  # missing if it is refused itself
        if has_name and named is not None and name not in {"default", *named}:
            raise problem(f"names the agent {shown(name)}, which is not in POLYAI_AGENTS")
        return canary

    @pydantic.field_validator("polyai_platform_api_key")
    @classmethod
    def _keep_account_whole(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        account, url = (
            info.data.get(f"polyai_{each}", MASK) for each in ("account_id", "platform_url")
        )
        if key and account is None:
            raise problem("is set without POLYAI_ACCOUNT_ID")
        named = info.data.get("polyai_agents") or {}
        raw = {info.data.get("polyai_pii_api_key"), *(each.pii_api_key for each in named.values())}
        if key and key in raw:
            raise problem("equals a raw key, which is only for raw recordings")
        if not key and (account or url):
            raise problem("is not set, but POLYAI_ACCOUNT_ID or POLYAI_PLATFORM_URL is")
        return key
