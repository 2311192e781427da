"""Reads the settings from the environment, once; every problem with it is told at once."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pydantic
from pydantic_core import ErrorDetails

from bot.settings import (
    SECRET_NAMES,
    AdminIds,
    Settings,
    SettingsError,
    check_database_url,
    shown,
)

OWN_PREFIXES: Final = ("CALLAUDIO_", "POLYAI_")
MAX_SECRET_FILE_CHARS: Final = 65_536  # /dev/zero must not fill the memory
# Bolt reads these two by itself and would switch its OAuth flow on, with tokens in a file.
FORBIDDEN: Final = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from ``environ`` alone: no other environment and no ``.env`` file.

    ``NAME_FILE`` names a file holding the secret ``NAME``. An empty value counts as not set, white
    space around a value is dropped.

    Raises:
        SettingsError: one or more variables are missing, unusable or unknown; all are named.
    """
    names = [field.upper() for field in Settings.model_fields]
    values, problems = _read(environ, names)
    unreadable = frozenset(name for name, _ in problems)
    settings = None
    try:
        settings = Settings.model_validate({name.lower(): text for name, text in values.items()})
    except pydantic.ValidationError as error:
        told = [_explain(each, values) for each in error.errors(include_url=False)]
        problems += [each for each in told if each[0] not in unreadable]
    problems.sort(key=lambda problem: names.index(problem[0]))
    problems += _unknown(environ, [*names, *(f"{name}_FILE" for name in SECRET_NAMES)])
    if settings is None or problems:  # raised here, so that no cause with values hangs on it
        raise SettingsError(tuple(sentence for _, sentence in problems))
    return settings


def load_database_url(environ: Mapping[str, str]) -> str:
    """Read ``DATABASE_URL`` alone, for migrations on hosts that give them nothing else.

    Raises:
        SettingsError: ``DATABASE_URL`` or its file is unusable.
    """
    field = Settings.model_fields["database_url"]
    values, problems = _read(environ, ["DATABASE_URL"])
    url = None
    try:
        url = check_database_url(values.get("DATABASE_URL", field.default))
    except ValueError:
        problems.append(("", f"DATABASE_URL is not valid: use {field.description}."))
    if url is None or problems:
        raise SettingsError(tuple(sentence for _, sentence in problems))
    return url


def load_first_admins(environ: Mapping[str, str]) -> frozenset[str]:
    """Read ``CALLAUDIO_ADMINS`` alone, for operators' commands, which need no secrets.

    Raises:
        SettingsError: it holds what is no user id.
    """
    name = "CALLAUDIO_ADMINS"
    values, _ = _read(environ, [name])
    if name not in values:
        return frozenset()
    try:
        return pydantic.TypeAdapter(AdminIds).validate_python(values[name])
    except pydantic.ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"]
        use = Settings.model_fields[name.lower()].description
        raise SettingsError((f"{name} {said}: use {use}.",)) from None


def _read(
    environ: Mapping[str, str], names: list[str]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the values that are set, and a (name, sentence) for each file that fails."""
    values = {name: text for name in names if (text := environ.get(name, "").strip())}
    problems = []
    for name in names:
        path = environ.get(f"{name}_FILE", "").strip() if name in SECRET_NAMES else ""
        if path and name in values:
            problems.append((name, f"{name} and {name}_FILE are both set: keep one of them."))
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
                use = "name a readable text file that holds the secret alone"
                problems.append((name, f"{name}_FILE is {place}, unreadable or empty: {use}."))
    return values, problems


def _explain(error: ErrorDetails, values: Mapping[str, str]) -> tuple[str, str]:
    """Turn one error into (name, sentence), with nothing of a secret's value in it."""
    field, *rest = (str(each) for each in error["loc"])
    name = field.upper()
    if error["type"] == "told":
        said = error["msg"]
    elif rest:
        entry, key = shown(rest[0]), shown(rest[-1])
        faults = {"missing": f"lacks {key}", "extra_forbidden": f"holds {key}, which is unknown"}
        if len(rest) == 1 or rest[-1] == "[key]":
            key = "name" if len(rest) > 1 else "value"
        said = f"entry {entry} {faults.get(error['type'], f'has an unusable {key}')}"
    elif name not in values:
        said = "is not set"
    elif name in SECRET_NAMES or name.endswith("_URL"):  # a URL may hold a password
        said = "is not valid"
    else:
        said = f"is {shown(values[name])}"
    return name, f"{name} {said}: use {Settings.model_fields[field].description}."


def _unknown(environ: Mapping[str, str], known: list[str]) -> list[tuple[str, str]]:
    """Name each variable of ours that nothing reads, and those that must not be there.

    A typo would weaken a rule in silence.
    """
    problems = []
    for name in sorted(environ):
        if name.startswith(OWN_PREFIXES) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}?" if near else "remove it."
            problems.append((name, f"{name} is unknown: {fix}"))
    if all(environ.get(name) for name in FORBIDDEN):
        named = " and ".join(FORBIDDEN)
        problems.append((named, f"{named} would switch an OAuth flow on: remove them."))
    return problems
