import re
import subprocess
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bot.settings.environment import load_settings
from bot.settings.model import SECRET_NAMES, Settings
from tests.tables import each_row

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ["requirements.txt", "requirements-dev.txt"]
TARGETS = {
    *("demo", "test", "test-long", "cover", "install", "lint", "bench", "chaos", "fuzz"),
    *("pictures", "axe", "lock"),
}
COMMANDS = {"run", "web", "worker", "migrate", "doctor", "demo", "grants", "audit", "digests"}
REQUIRED = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "made-up",
    "POLYAI_REGION": "eu",
    "POLYAI_AGENT_ID": "PROJECT-1",
    "POLYAI_API_KEY": "plain",
}


def text(name: str) -> str:
    return (ROOT / name).read_text()


def entries(name: str) -> list[str]:
    """The requirements of a file, each with its continuation lines, without comments."""
    joined = re.sub(r"\s*\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n?", "", text(name)))
    return [line for line in joined.splitlines() if line.strip()]


def example() -> dict[str, str]:
    lines = [line for line in text(".env.example").splitlines() if line and line[0] != "#"]
    assert len({line.partition("=")[0] for line in lines}) == len(lines)
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_and_hashed(name):
    assert len(entries(name)) > 20
    pinned = re.compile(
        r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+"
    )
    assert [entry for entry in entries(name) if not pinned.fullmatch(entry.rstrip())] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_requirement_names_a_package_index(name):
    assert "://" not in text(name)
    assert [entry for entry in entries(name) if entry.startswith("-") or " @ " in entry] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_extra_of_a_requirement_is_pinned(name):
    """Older versions of pip treat `name[extra]` as another project than `name`: both need pins."""
    pinned = [Requirement(entry.partition(" --hash")[0]) for entry in entries(name)]
    extras = {each.name: each.extras for each in pinned}
    here = [each for each in pinned if each.marker is None or each.marker.evaluate()]
    wanted = [Requirement(line) for each in here for line in requires(each.name) or []]
    needed = [each for each in wanted if each.extras and not _is_optional(each)]
    assert needed or name == "requirements.txt"  # no runtime dependency wants an extra now
    assert [str(each) for each in needed if not each.extras <= extras[each.name]] == []


def _is_optional(requirement: Requirement) -> bool:
    """Whether it is another extra's, or another platform's."""
    return requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})


def test_development_runs_on_the_versions_of_production():
    def pins(name: str) -> set[str]:
        return {entry.split(" --hash")[0].strip() for entry in entries(name)}

    assert pins("requirements.txt") - pins("requirements-dev.txt") == set()


def test_every_dependency_has_its_reason():
    listed = text("pyproject.toml").partition("\ndependencies = [\n")[2].partition("\n]")[0]
    project = tomllib.loads(text("pyproject.toml"))["project"]
    lines = listed.splitlines()
    assert len(lines) == len(project["dependencies"])
    assert [line for line in lines if not re.search(r'",\s+# \S', line)] == []


def test_the_package_installs_editable_with_nothing_but_the_hashed_requirements():
    hatch = tomllib.loads(text("pyproject.toml"))["tool"]["hatch"]["build"]
    needs_editables = not hatch.get("dev-mode-dirs")
    assert not needs_editables or "\neditables==" in text("requirements.txt")


def test_every_declared_file_exists():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert [name for name in project["license-files"] if not (ROOT / name).is_file()] == []
    assert text("LICENSE").startswith("MIT License\n")
    assert "callaudio contributors" in text("LICENSE")


def test_every_process_runs_a_command_of_the_contract():
    processes = dict(line.split(": ") for line in text("Procfile").splitlines())
    assert set(processes) == {"release", "web", "worker"}
    for command in processes.values():
        program, name, *_ = command.split()
        assert program == "callaudio"
        assert name in COMMANDS


def test_the_example_environment_lists_exactly_the_settings():
    assert list(example()) == [name.upper() for name in Settings.model_fields]


def test_the_example_environment_shows_the_defaults():
    assert {name for name, field in Settings.model_fields.items() if field.is_required()} == {
        name.lower() for name in REQUIRED
    }
    assert load_settings(example() | REQUIRED) == load_settings(REQUIRED)


def test_the_example_environment_holds_no_secret_and_a_comment_for_each():
    assert {example()[name] for name in SECRET_NAMES if name != "DATABASE_URL"} == {""}
    lines = text(".env.example").splitlines()
    settings = [number for number, line in enumerate(lines) if line and line[0] != "#"]
    assert [lines[number] for number in settings if lines[number - 1][:2] != "# "] == []


def test_make_without_a_target_lists_the_targets():
    listed = subprocess.run(
        ["make", "--no-print-directory", "-C", str(ROOT)],  # noqa: S607 - whichever make the developer has
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert {line.split()[1] for line in listed.splitlines()} == TARGETS | {"help"}


def test_installations_check_every_hash():
    installs = [line for line in text("Makefile").splitlines() if "@$(PIP)" in line]
    assert len(installs) == 5
    assert all("--require-hashes -r" in line or "--no-deps" in line for line in installs)


def test_ci_runs_the_local_check():
    script = text(".ci/run")
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in script
    assert {"make --no-print-directory lint", "make --no-print-directory test"} <= {
        line.split(" ||")[0].split(" 2>")[0] for line in script.splitlines()
    }


@each_row("name", [".env", ".venv/", "*.db", "*.wav"])
def test_secrets_and_recordings_stay_out_of_the_repository(name):
    assert name in text(".gitignore").splitlines()


@each_row(
    "name", ["Makefile", "Procfile", "app_manifest.yml", ".env.example", ".gitignore", ".ci/run"]
)
def test_no_file_names_a_path_of_one_machine(name):
    assert not re.search(r"(?m)(?:^|[\s\"'=:])/(?:home|root|Users|work|opt)/", text(name))
