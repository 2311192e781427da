"""README says what the code does: settings, rules, scopes and paths."""

import re
from enum import StrEnum
from pathlib import Path

import yaml

from bot.access.policy import Reason
from bot.audit.events import AuditTag
from bot.audit.walk import Fault
from bot.recordings.causes import Cause
from bot.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NONE = "\N{EN DASH}"


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table that has the heading."""
    table = README.partition(heading)[2].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_settings_table_lists_every_setting_with_its_default() -> None:
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("| name | default |")}
    real = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = default.value if isinstance(default, StrEnum) else str(default)
        empty = not default and default != 0
        real[name.upper()] = "required" if field.is_required() else NONE if empty else shown
    assert told == real


def test_the_rules_name_every_reason_in_its_order() -> None:
    told = [cells[-1].strip("`") for cells in rows("| # | when |")]
    assert list(dict.fromkeys(told)) == [reason.value for reason in Reason]


def test_the_scopes_are_the_manifest_s() -> None:
    told = set(
        re.findall(r"`([a-z]+(?::[a-z]+)?)`", "".join(c[0] for c in rows("| scope | why |")))
    )
    manifest = yaml.safe_load((ROOT / "app_manifest.yml").read_text())
    assert told == set(manifest["oauth_config"]["scopes"]["bot"])


def test_every_path_of_the_http_surface_is_told() -> None:
    told = {cells[0].strip("`").split()[-1] for cells in rows("| path |")}
    assert told == {"/slack/events", "/healthz", "/readyz", "/metrics"}


def test_the_audit_grammar_is_told_tag_by_tag() -> None:
    told = re.findall(r"`([a-z_]+:[a-z_]+:[a-z_]+)`", "".join(c[0] for c in rows("| tag | when |")))
    assert sorted(told) == sorted(tag.value for tag in AuditTag)


def test_every_finding_of_the_proof_is_told() -> None:
    told = re.findall(r"`([a-z_]+)`", "".join(c[0] for c in rows("| finding | what it means |")))
    assert sorted(told) == sorted(fault.value for fault in Fault)


def test_every_cause_for_taking_a_file_back_is_told() -> None:
    told = {cells[1].strip("`") for cells in rows("| what happens | cause |")}
    assert told == {cause.value for cause in Cause}
