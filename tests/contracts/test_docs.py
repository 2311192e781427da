"""README and docs/ say what the code does, each table in one place, and name what exists."""

import ast
import re
from enum import StrEnum
from functools import cache
from pathlib import Path

from prometheus_client import Counter

from bot.access.policy import Reason
from bot.audit.events import AuditTag
from bot.audit.findings import ChainFault
from bot.observability.metrics import Metrics
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.settings.model import Settings
from bot.store.tables import Base
from tests.contracts.test_manifest import BOT_SCOPES
from tests.tables import each_row

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCUMENTS}
NONE = "\N{EN DASH}"
LONGEST_README = 150


@cache
def names_in_code() -> set[str]:
    return {
        word
        for folder in ("bot", "deploy", "migrations", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yml", ".json"} and path != Path(__file__)
        for word in re.findall(r"[a-z]+(?:_[a-z]+)+", path.read_text())
    }


def rows(heading: str) -> list[list[str]]:
    """The cells of the one table that has the heading."""
    (text,) = (text for text in TEXTS.values() if heading in text)
    table = text.partition(heading)[2].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def slug(heading: str) -> str:
    """The anchor that a forge gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_readme_is_read_in_minutes():
    assert len(TEXTS["README.md"].splitlines()) <= LONGEST_README


@each_row("name", TEXTS)
def test_every_link_and_path_leads_somewhere(name):
    text, folder = TEXTS[name], (ROOT / name).parent
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", text)
    for path, anchor in links:
        target = (folder / path) if path else ROOT / name
        assert target.exists(), path
        headings = re.findall(r"(?m)^#+ (.+)$", target.read_text()) if anchor else []
        assert not anchor or anchor in {slug(heading) for heading in headings}
    named = re.findall(r"`((?:bot|tests|migrations|docs)/[\w./-]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


# What Slack, compose and PostgreSQL call something that no code here names.
OF_OTHERS = {"cant_delete_file", "dispatch_failed", "env_file", "operation_timeout", "pg_dump"}


@each_row("name", TEXTS)
def test_every_log_event_and_other_name_in_a_document_is_in_the_code(name):
    told = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", TEXTS[name])) - OF_OTHERS
    assert told <= names_in_code()


def test_every_claim_names_the_tests_that_prove_it():
    claims = rows("| claim | how | proved by |")
    assert [claim for claim, _, proof in claims if "`tests/" not in proof] == []


@each_row(
    ("threat", "test"),
    [(threat, test.strip("`")) for threat, _, test in rows("| threat | defence | test |")],
)
def test_every_threat_names_an_existing_test_that_runs(threat, test):
    path, _, name = test.partition("::")
    functions = {
        node.name: node
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name.startswith("test_")
    assert name in functions, threat
    marks = " ".join(ast.unparse(each) for each in functions[name].decorator_list)
    assert not re.search(r"\b(skip|skipif|xfail|long)\b", marks), threat


def test_the_glossary_is_in_order():
    words = [word.lower() for word, _ in rows("| word | meaning |")]
    assert words == sorted(words)


def test_the_list_of_stored_data_names_every_table():
    told = " ".join(cells[0] for cells in rows("| where | what | how long |"))
    expected = {table.name for table in Base.metadata.sorted_tables}
    assert {name for name in expected if name not in told} == set()


def test_the_settings_table_lists_every_setting_with_its_default():
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("| name | default |")}
    real = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = default.value if isinstance(default, StrEnum) else str(default)
        empty = not default and default != 0
        real[name.upper()] = "required" if field.is_required() else NONE if empty else shown
    assert told == real


def test_the_rules_name_every_reason_in_its_order():
    told = [cells[-1].strip("`") for cells in rows("| # | when |")]
    assert list(dict.fromkeys(told)) == [reason.value for reason in Reason]


def test_the_scopes_are_the_manifest_s():
    told = set(
        re.findall(r"`([a-z]+(?::[a-z]+)?)`", "".join(c[0] for c in rows("| scope | why |")))
    )
    assert told == set(BOT_SCOPES)


def test_every_http_path_is_documented():
    told = {cells[0].strip("`").split()[-1] for cells in rows("| path |")}
    assert told == {"/slack/events", "/healthz", "/readyz", "/metrics"}


def test_every_metric_is_documented():
    told = re.findall(r"`(callaudio_\w+)`", "".join(cells[0] for cells in rows("| series |")))
    families = [
        (names[0], isinstance(family, Counter))
        for family, names in Metrics().registry._collector_to_names.items()
    ]
    assert sorted(told) == sorted(f"{name}_total" if is_sum else name for name, is_sum in families)


def test_every_audit_tag_is_documented():
    told = re.findall(r"`([a-z_]+:[a-z_]+:[a-z_]+)`", "".join(c[0] for c in rows("| tag | when |")))
    assert sorted(told) == sorted(tag.value for tag in AuditTag)


def test_every_finding_of_verify_is_documented():
    told = re.findall(r"`([a-z_]+)`", "".join(c[0] for c in rows("| finding | what it means |")))
    assert sorted(told) == sorted(fault.value for fault in ChainFault)


def test_every_cause_of_a_take_back_is_documented():
    told = {cells[1].strip("`") for cells in rows("| what happens | cause |")}
    assert told == {cause.value for cause in TakeBackCause}
