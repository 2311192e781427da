"""Reads the settings from the environment once, and reports every problem at once."""

import difflib
import re
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Final, TypeVar

import pydantic
from dotenv.parser import parse_stream
from pydantic_core import ErrorDetails

from bot.settings.model import NOT_SET, SECRET_NAMES, SettingProblem, Settings, SettingsError
from bot.settings.value_types import AdminIds, DatabaseUrl, shown

T = TypeVar("T")

ENV_FILE: Final = Path(".env")
OWN_PREFIXES: Final = ("CALLAUDIO_", "POLYAI_")
MAX_SECRET_FILE_CHARS: Final = 65_536  # /dev/zero must not fill the memory
QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"
# Kubernetes sets variables for each service in the namespace of a container, and a service name may
# begin with our prefixes: callaudio, polyai-proxy (docs: "Service", "Environment variables").
SERVICE_LINK: Final = re.compile(
    r"\w+_SERVICE_(HOST|PORT(_\w+)?)|\w+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://\S+")
PROXY_NAMES: Final = ("HTTPS_PROXY", "NO_PROXY")
OTHER_NAMES: Final = tuple(
    spelling
    for name in map(str.upper, Settings.model_fields)
    if name.startswith(("SLACK_", "DATABASE_", "PORT"))
    for spelling in ((name, f"{name}_FILE") if name in SECRET_NAMES else (name,))
)
"""Settings whose names begin as those of other programs may."""
# Bolt reads these two by itself and would switch its OAuth flow on, with tokens in a file.
FORBIDDEN: Final = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")


def read_env_file(path: Path, environ: MutableMapping[str, str]) -> None:
    """Add the variables of a file such as ``.env``, if it exists; ``environ`` takes precedence.

    A secret of ``environ`` takes precedence as ``NAME`` and as ``NAME_FILE``. Of a name that the
    file repeats, the last value counts, as for docker and systemd. An empty variable counts as not
    set. Quotes around a value and a carriage return after it are dropped. ``$`` has no meaning.

    Raises:
        SettingsError: the file cannot be read, or a line of it cannot, or a name in it is a
            setting's with a typing error.
    """
    try:
        with path.open(encoding="utf-8") as file:
            found = list(parse_stream(file))
    except FileNotFoundError:
        return
    except (OSError, ValueError):  # ValueError: not UTF-8
        fault = "is not a text file that this user may read"
        fix = "save it as UTF-8, and let this user read it."
        raise SettingsError((SettingProblem(str(path), fault, fix),)) from None
    broken = [each.original.line for each in found if each.error]
    if broken:
        lines = ", ".join(str(line) for line in broken)
        fault = "has a line that is not NAME=value, or with a quote that is not closed"
        raise SettingsError((SettingProblem(str(path), fault, f"see line {lines}."),))
    names = dict.fromkeys(each.key for each in found if each.key)
    if mistyped := [(name, meant) for name in names if (meant := _mistyped(name))]:
        raise SettingsError(tuple(_unknown_name(name, meant) for name, meant in mistyped))
    given = dict(environ)
    for each in found:
        if not each.key or each.value is None:
            continue
        is_given = any(_set(given, name) for name in _spellings(each.key))
        if not is_given and (each.value or each.key not in environ):
            environ[each.key] = each.value


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from ``environ`` only: no other environment and no ``.env`` file.

    ``NAME_FILE`` names a file that holds the secret ``NAME``. An empty value counts as not set;
    white space around a value is dropped.

    Raises:
        SettingsError: one or more variables are missing, unusable or unknown; all are named.
    """
    names = [field.upper() for field in Settings.model_fields]
    values, problems = _read(environ, names)
    unreadable = {_setting_of(each) for each in problems}
    settings = None
    try:
        settings = Settings.model_validate({name.lower(): text for name, text in values.items()})
    except pydantic.ValidationError as error:
        found = [_explain(each, values) for each in error.errors(include_url=False)]
        problems += [each for each in found if each.name not in unreadable]
    problems.sort(key=lambda problem: names.index(_setting_of(problem)))
    problems += _unknown(environ, [*names, *(f"{name}_FILE" for name in SECRET_NAMES)])
    if settings is None or problems:  # raised here, so that its cause contains no values
        raise SettingsError(tuple(problems))
    return settings


def load_database_url(environ: Mapping[str, str]) -> str:
    """Read only ``DATABASE_URL``, for migrations on hosts that set nothing else for them.

    Raises:
        SettingsError: ``DATABASE_URL`` or its file is unusable.
    """
    return _load("DATABASE_URL", pydantic.TypeAdapter(DatabaseUrl), environ)


def load_first_admins(environ: Mapping[str, str]) -> frozenset[str]:
    """Read only ``CALLAUDIO_ADMINS``, for operators' commands, which need no secrets.

    Raises:
        SettingsError: an entry is not a user id.
    """
    return _load("CALLAUDIO_ADMINS", pydantic.TypeAdapter(AdminIds), environ)


def _load(name: str, kind: pydantic.TypeAdapter[T], environ: Mapping[str, str]) -> T:
    """Read one setting, as `load_settings` does."""
    values, problems = _read(environ, [name])
    found: T = Settings.model_fields[name.lower()].default
    if name in values:
        try:
            found = kind.validate_python(values[name])
        except pydantic.ValidationError as error:
            (why,) = error.errors(include_url=False)
            problems.append(_explain({**why, "loc": (name.lower(),)}, values))
    if problems:  # raised here, so that its cause contains no values
        raise SettingsError(tuple(problems))
    return found


def _read(
    environ: Mapping[str, str], names: list[str]
) -> tuple[dict[str, str], list[SettingProblem]]:
    """Return the usable values that are set, and why others are not usable."""
    values = {name: text for name in names if (text := _set(environ, name))}
    problems = []
    for name in names:
        path = environ.get(f"{name}_FILE", "").strip() if name in SECRET_NAMES else ""
        if path and name in values:
            fault = f"and {name}_FILE are both set"
            problems.append(SettingProblem(name, fault, "remove one of the two."))
        elif path:
            try:
                with Path(path).open(encoding="utf-8") as file:
                    text = file.read(MAX_SECRET_FILE_CHARS).strip()
            except (OSError, ValueError):  # ValueError: not UTF-8, or no path at all
                text = ""
            if text:
                values[name] = text
            else:
                place = "a file" if re.search(r"xox|xapp", path) else repr(path)
                fault = f"is {place}, unreadable or empty"
                fix = "name a readable text file that contains only the secret."
                problems.append(SettingProblem(f"{name}_FILE", fault, fix))
    for name in [each for each, text in values.items() if text[0] in QUOTES or text[-1] in QUOTES]:
        del values[name]
        fault = "has quotes around its value"
        problems.append(SettingProblem(name, fault, "remove the quotes."))
    return values, problems


def _setting_of(problem: SettingProblem) -> str:
    return _spellings(problem.name)[0]


def _spellings(name: str) -> tuple[str, ...]:
    """Return the names by which one setting may be set: a secret also by that of its file."""
    plain = name.removesuffix("_FILE")
    return (plain, f"{plain}_FILE") if plain.upper() in SECRET_NAMES else (name,)


def _set(environ: Mapping[str, str], name: str) -> str:
    """Return a value; proxy variables are read in upper and lower case."""
    upper, lower = name.upper(), name.lower()
    names = (upper, lower) if upper in PROXY_NAMES else (name,)
    return next((text for each in names if (text := environ.get(each, "").strip())), "")


def _explain(error: ErrorDetails, values: Mapping[str, str]) -> SettingProblem:
    """Turn one error into a problem, without any part of a secret; the fix names usable values."""
    field, *rest = (str(each) for each in error["loc"])
    name = field.upper()
    if error["type"] == "worded":
        fault = error["msg"]
        if rest:
            fault = f"entry {shown(rest[0])} has an unusable {shown(rest[-1])}: it {fault}"
    elif rest:
        entry, key = shown(rest[0]), shown(rest[-1])
        faults = {"missing": f"lacks {key}", "extra_forbidden": f"holds {key}, which is unknown"}
        if len(rest) == 1 or rest[-1] == "[key]":
            key = "name" if len(rest) > 1 else "value"
        fault = f"entry {entry} {faults.get(error['type'], f'has an unusable {key}')}"
    elif name not in values:
        fault = NOT_SET
    elif name in SECRET_NAMES or name.endswith("_URL"):  # a URL may hold a password
        fault = "is not valid"
    else:
        fault = f"is {shown(values[name])}"
    return SettingProblem(name, fault, f"use {Settings.model_fields[field].description}.")


def _unknown(environ: Mapping[str, str], known: list[str]) -> list[SettingProblem]:
    """Report variables with our prefixes that are not settings, and variables that are forbidden.

    A typing error would otherwise weaken a rule silently.
    """
    problems = []
    for name in sorted(environ):
        if not name.startswith(OWN_PREFIXES) or name in known:
            continue
        if not _is_service_link(name, environ[name]):
            problems.append(_unknown_name(name, _nearest(name, known)))
    if all(environ.get(name) for name in FORBIDDEN):
        named = " and ".join(FORBIDDEN)
        fault = "would switch an OAuth flow on"
        problems.append(SettingProblem(named, fault, "remove them."))
    return problems


def _unknown_name(name: str, meant: str | None) -> SettingProblem:
    fix = f"did you mean {meant}?" if meant else "remove it."
    return SettingProblem(name, "is unknown", fix)


def _mistyped(name: str) -> str | None:
    """Find the setting that a name in ``.env`` misspells, if its prefix is not one of ours.

    The environment is not checked for these, because other programs' variables are there too.
    """
    if name in OTHER_NAMES:
        return None
    near = difflib.get_close_matches(name.upper(), OTHER_NAMES, 1, cutoff=0.9)
    return near[0] if near else None


def _is_service_link(name: str, value: str) -> bool:
    """Return whether Kubernetes or Docker set the variable as the address of a service."""
    if name.endswith("_PORT") and SERVICE_ADDRESS.fullmatch(value.strip()):
        return True
    return SERVICE_LINK.fullmatch(name) is not None


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the setting that was probably meant: one with the same words, or a similar name.

    A common prefix does not make names similar, and a raw key is never taken for the plain key.
    """
    by_ending = {_without_prefix(each): each for each in known}
    meant = _without_prefix(name)
    words = set(meant.split("_"))
    with_all = [each for each in by_ending if words <= set(each.split("_"))]
    near = sorted(with_all, key=len) or difflib.get_close_matches(meant, by_ending, 1, cutoff=0.7)
    return by_ending[near[0]] if near else None


def _without_prefix(name: str) -> str:
    for prefix in OWN_PREFIXES:
        name = name.removeprefix(prefix)
    return name
