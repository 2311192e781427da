"""Converts a DATABASE_URL, as providers hand it out, into the drivers' form."""

import re
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from sqlalchemy.engine import make_url

# Parameters of other programs for pooling and prepared statements: callaudio prepares nothing on
# the server, and has its own pool (docs: Prisma, node-postgres, asyncpg, JDBC, Doctrine, Supabase).
OF_OTHER_PROGRAMS: Final = frozenset(
    {
        *("pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "pool_size"),
        *("max_overflow", "statement_cache_size", "prepared_statement_cache_size"),
        *("preparethreshold", "preparedstatementcachequeries", "prepared_statements"),
        *("pool_mode", "supa", "workaround", "uselibpqcompat", "serverversion", "charset"),
    }
)
SCHEMA_NAMES: Final = frozenset({"schema", "currentschema", "search_path"})
SSL_MODES: Final = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
KNOWN_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
HOST_AND_PORT: Final = re.compile(r"(\[[^\[\]/]*\]|[^:\[\]/]*)(:[0-9]{1,5})?")


class DatabaseUrlRefused(ValueError):
    """A part of the URL cannot be used; the text names it, without secrets."""


def for_drivers(url: str) -> str:
    """Accept a SQLite file or a PostgreSQL URL, of one host or several.

    Parameters of other programs are removed or translated; those of PostgreSQL's client library
    stay.

    Raises:
        DatabaseUrlRefused: a parameter asks for something unsupported.
        ValueError: it is neither a file nor a server.
    """
    scheme, _, rest = url.partition("://")
    scheme = "postgresql" if scheme == "postgres" else scheme  # many hosts still use it
    is_in_memory = ":memory:" in rest or "mode=memory" in rest
    if scheme == "sqlite" and re.match(r"/[^?]", rest) and not is_in_memory:
        _check_sqlite_parameters(rest)
        return f"sqlite://{rest}"
    if scheme != "postgresql" or not rest or not urlsplit(url).scheme:
        raise ValueError
    before, has_query, query = rest.partition("?")
    if _has_a_bare_delimiter(before, query):
        raise DatabaseUrlRefused(
            "has a password with @, / or ? in it (write them as %40, %2F and %3F)"
        )
    if not _has_numeric_ports(before, parse_qsl(query)):
        raise DatabaseUrlRefused(
            "has something else than a number as its port (is `@host` missing after the password?)"
        )
    before, hosts = _one_host(before)
    if not has_query and not hosts:
        return f"postgresql://{before}"
    parameters = [*hosts, *_understood(parse_qsl(query, keep_blank_values=True))]
    kept = urlencode(parameters, quote_via=quote, safe="/:,")
    return f"postgresql://{before}{'?' if kept else ''}{kept}"


def _check_sqlite_parameters(rest: str) -> None:
    url = make_url(f"sqlite+aiosqlite://{rest}")
    try:
        url.get_dialect()().create_connect_args(url)
    except ValueError:
        raise DatabaseUrlRefused(
            "gives a parameter of SQLite a value that it cannot have (leave it out)"
        ) from None


def _has_a_bare_delimiter(before: str, query: str) -> bool:
    """Whether a driver would take a part of the password for a host, and show it in an error."""
    authority, _, path = before.partition("/")
    ends_at_the_query = "@" in query and not set("@/") & set(before)
    return authority.count("@") > 1 or "@" in path or ends_at_the_query


def _has_numeric_ports(before: str, parameters: list[tuple[str, str]]) -> bool:
    """Whether each port is a number: the drivers' errors would show any other text."""
    hosts = before.partition("/")[0].rpartition("@")[2].split(",")
    named = [value for name, value in parameters if name == "host" and value.count(":") == 1]
    ports = [value for name, value in parameters if name == "port"]
    given = [*hosts, *(each for each in named if not each.startswith("/"))]
    given += [f":{port}" for value in ports for port in value.split(",") if port]
    return all(HOST_AND_PORT.fullmatch(each) for each in given)


def _one_host(before: str) -> tuple[str, list[tuple[str, str]]]:
    """Move a list of hosts into the parameters, where SQLAlchemy reads them."""
    authority, slash, path = before.partition("/")
    user, at, hosts = authority.rpartition("@")
    if "," not in hosts:
        return before, []
    return f"{user}{at}{slash}{path}", [("host", each) for each in hosts.split(",") if each]


def _understood(given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = []
    for name, value in given:
        if name.lower() in OF_OTHER_PROGRAMS:
            continue
        if name.lower() in SCHEMA_NAMES:
            if value != "public":
                raise DatabaseUrlRefused(
                    "asks for another schema than `public` (set it on the role instead, with "
                    "ALTER ROLE … SET search_path, and leave the parameter out)"
                )
        elif name.lower() == "ssl" and value.lower() in SSL_MODES:
            kept.append(("sslmode", SSL_MODES[value.lower()]))
        elif name == "sslmode" and value not in KNOWN_SSL_MODES:
            known = ", ".join(KNOWN_SSL_MODES)
            raise DatabaseUrlRefused(f"has an unknown sslmode (PostgreSQL knows {known})")
        elif name == "connect_timeout" and not re.fullmatch(r"[0-9]{1,9}", value):
            raise DatabaseUrlRefused("has a connect_timeout that is no number of seconds")
        elif name in _of_the_client_library():
            kept.append((name, value))
        else:
            shown = f"`{name}`" if re.fullmatch(r"[A-Za-z_]{1,30}", name) else "one"
            raise DatabaseUrlRefused(
                f"contains a parameter that PostgreSQL's client library does not know, {shown} "
                "(leave it out)"
            )
    return kept


def _of_the_client_library() -> frozenset[str]:
    from psycopg import pq  # noqa: PLC0415 - not loaded with SQLite

    return frozenset(each.keyword.decode() for each in pq.Conninfo.get_defaults())
