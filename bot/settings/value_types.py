"""The kinds of values that settings hold, each with its check."""

import json
import re
import ssl
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from bot.ids import is_safe_identifier
from bot.settings.database_url import DatabaseUrlRefused, for_drivers
from bot.text.time_spans import parse_time_span

MASK: Final = "**********"
MAX_SHOWN_CHARS: Final = 20  # keys are longer, so one in the wrong variable is not shown


class Region(StrEnum):
    """The region of the PolyAI workspace."""

    US = "us"
    EU = "eu"
    UK = "uk"
    STUDIO = "studio"


def problem(text: str) -> PydanticCustomError:
    """Build an error whose message may be shown; messages of other kinds may contain values."""
    return PydanticCustomError("worded", "{text}", {"text": text})


def shown(value: str) -> str:
    """Quote a value for an error message, unless it is long or looks like a token."""
    is_harmless = len(value) <= MAX_SHOWN_CHARS and not re.search(r"xox|xapp", value)
    return repr(value) if is_harmless else "something that is not shown here"


def polyai_id(text: str) -> str:
    """Refuse what is no PolyAI id, and a colon, which in commands ends the name of an agent."""
    if not is_safe_identifier(text) or ":" in text:
        msg = "not an id of PolyAI"
        raise ValueError(msg)
    return text


def secret(prefix: str = "") -> AfterValidator:
    """Check the form of a secret; without a prefix it may be anything except a Slack token."""

    def check(secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if not re.fullmatch(r"[!-~]+", value):  # one header value: ASCII without a space
            raise problem("holds white space or a character that is not ASCII")
        token = re.match(r"(xox[a-z]|xapp)[-.]", value)
        if token and not (prefix and token[0] == prefix):
            raise problem(f"is another kind of token: it begins with {token[0]}")
        if not value.startswith(prefix) or value == prefix:
            raise problem(f"is not of the form {prefix}\N{HORIZONTAL ELLIPSIS}")
        return secret

    return AfterValidator(check)


def ids_of_form(pattern: str) -> BeforeValidator:
    """Check a list of ids, separated by commas."""

    def check(given: object) -> object:
        if not isinstance(given, str):
            return given
        ids = [each.strip() for each in given.split(",") if each.strip()]
        if bad := [shown(each) for each in ids if not re.fullmatch(pattern, each)]:
            raise problem(f"holds {', '.join(bad)}")
        return frozenset(ids)

    return BeforeValidator(check)


def safe_url(url: str) -> str:
    """Accept https, and http on loopback only, without a password or a query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_loopback = host == "localhost" or (parts.scheme == "http" and ip_address(host).is_loopback)
    is_bare = parts.username is None and not parts.query and not parts.fragment
    if not host or not is_bare or parts.port == 0 or not re.fullmatch(r"[!-~]+", url):
        raise ValueError
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback):
        raise ValueError
    return url.rstrip("/")


def proxy_url(given: SecretStr) -> SecretStr:
    """Accept an HTTP proxy, with a password if it needs one."""
    url = given.get_secret_value()
    url = url if "://" in url else f"http://{url}"  # as curl reads it
    parts = urlsplit(url)
    is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if not is_whole or parts.path not in ("", "/") or not re.fullmatch(r"[!-~]+", url):
        raise ValueError
    return SecretStr(url)


def authorities_file(file: Path) -> Path:
    """Accept a PEM file that holds certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        fault = "holds no certificates" if isinstance(error, ssl.SSLError) else "cannot be read"
        raise problem(fault) from None
    return file


def host_and_port(address: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 host is in brackets."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65_535  # noqa: PLR2004 - the last port
    if not is_port or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        raise ValueError
    return host, int(port)


def check_database_url(url: str) -> str:
    """Accept a SQLite file or a PostgreSQL URL, and convert it into the drivers' form.

    Raises:
        PydanticCustomError: a parameter is unsupported; the message may be shown.
        ValueError: it is neither.
    """
    try:
        return for_drivers(url)
    except DatabaseUrlRefused as error:
        raise problem(str(error)) from None


def canary_spans(given: str) -> str:
    """Accept a conversation and the spans muted in it: `<conversation>@<from>-<to>`."""
    conversation, _, spans = given.rpartition("@")
    if not re.fullmatch(r"[!-~]+", conversation):
        raise ValueError
    for span in spans.split(","):
        parse_time_span(span)
    return given


def agents_by_name(given: object) -> object:
    """Parse the JSON of POLYAI_AGENTS; a duplicate name is refused, as one would be lost."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise problem("holds a name twice")
        return dict(pairs)

    if not isinstance(given, str):
        return given
    try:
        return json.loads(given, object_pairs_hook=unique)
    except (json.JSONDecodeError, RecursionError):
        raise problem("is not JSON") from None


Key = Annotated[SecretStr, secret()]
Url = Annotated[str, AfterValidator(safe_url)]
PolyAIName = Annotated[str, AfterValidator(polyai_id)]
AgentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Hidden = pydantic.PlainSerializer(lambda _: MASK, when_used="json")
HostAndPort = Annotated[tuple[str, int], BeforeValidator(host_and_port)]
Count = Annotated[int, Field(ge=0)]
DatabaseUrl = Annotated[
    str,  # in the form of SQLAlchemy and Alembic; never shown, as it may hold a password
    AfterValidator(check_database_url),
    Hidden,
]


AdminIds = Annotated[frozenset[str], ids_of_form(r"[UW][A-Z0-9]{6,}")]


class AgentSettings(pydantic.BaseModel):
    """An additional agent, used as ``/callaudio name:CA…``, with its own region and keys."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    agent_id: PolyAIName
    region: Region
    api_key: Key
    pii_api_key: Key | None = None


Agents = Annotated[Mapping[AgentName, AgentSettings], BeforeValidator(agents_by_name)]
