"""Deployment files: container, compose file, systemd unit and Procfile."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from bot.cli.console import operator
from bot.settings.environment import load_settings
from bot.settings.model import SECRET_NAMES, Settings
from tests.contracts.test_project_files import COMMANDS, REQUIRED, ROOT, text
from tests.ports import free_port

BIN = Path(sys.executable).parent
SYSTEMD = shutil.which("systemd-analyze")
STOP_SECONDS = 10
"""How long a process may take to end after SIGTERM (docs/operations.md)."""


def seconds(value: str) -> int:
    return int(value.removesuffix("s"))


def instructions(name: str) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", text("Containerfile"))
    lines = [line.partition(" ") for line in joined.splitlines()]
    return [(word, rest) for word, _, rest in lines if word == name]


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    return yaml.safe_load(text("compose.yaml"))["services"]


@pytest.fixture
def alive() -> Iterator[int]:
    class Healthz(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Healthz)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(not (BIN / "hadolint").exists(), reason="hadolint has no wheel for this system")
def test_the_containerfile_passes_its_linter():
    done = subprocess.run(
        [BIN / "hadolint", ROOT / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_container_runs_as_a_numbered_user_who_is_not_root():
    assert [user for _, user in instructions("USER")] == ["10001:10001"]


def test_the_container_starts_a_command_of_the_contract_as_the_process_that_gets_signals():
    (entry,), (command,) = instructions("ENTRYPOINT"), instructions("CMD")
    assert json.loads(entry[1]) == ["callaudio"]
    assert json.loads(command[1])[0] in COMMANDS


def test_commands_in_the_container_have_a_name_for_the_audit(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # the image has no account
    for name, value in re.findall(
        r"(\w+)=(\S+)", " ".join(rest for _, rest in instructions("ENV"))
    ):
        if name != "PATH":
            monkeypatch.setenv(name, value)
    assert operator() == "cli:callaudio"


def test_the_build_context_contains_only_the_copied_files():
    copied = {
        source
        for _, rest in instructions("COPY")
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    lines = [line for line in text(".containerignore").splitlines() if line[:1] != "#"]
    assert {line[1:] for line in lines if line[:1] == "!"} == copied
    assert lines[0] == "*"
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_container_is_healthy_only_if_healthz_answers(alive):
    ((_, check),) = instructions("HEALTHCHECK")
    _, *arguments = json.loads(check.partition("CMD ")[2])

    def exit_code(port: int) -> int:
        # Docker passes the proxy of its configuration to every container.
        proxy = f"http://127.0.0.1:{free_port()}"
        environ = {"PORT": str(port), "http_proxy": proxy, "HTTP_PROXY": proxy}
        return subprocess.run(
            [sys.executable, *arguments], env=environ, capture_output=True, check=False, timeout=30
        ).returncode

    assert exit_code(alive) == 0
    assert exit_code(free_port()) != 0


def test_compose_runs_commands_of_the_contract_after_the_migration(services):
    ours = {name: each for name, each in services.items() if name != "database"}
    assert {name: each["command"][0] for name, each in ours.items()} == {
        "migrate": "migrate",
        "web": "web",
        "worker": "worker",
    }
    for name in ("web", "worker"):
        assert ours[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }


def test_compose_sets_only_settings_that_exist(services):
    named = {name for each in services.values() for name in each.get("environment", {})}
    ours = {name for name in named if not name.startswith("POSTGRES_")}
    assert ours <= {name.upper() for name in Settings.model_fields}
    url = services["worker"]["environment"]["DATABASE_URL"]
    url = re.sub(r"\$\{POSTGRES_PASSWORD[^}]*\}", "made-up", url)
    assert load_settings({**REQUIRED, "DATABASE_URL": url}).database_url == url


def test_the_image_and_the_unit_set_no_secret():
    in_image = " ".join(rest for _, rest in instructions("ENV"))
    in_unit = " ".join(re.findall(r"(?m)^Environment=(.*)$", text("deploy/callaudio.service")))
    assert "PYTHONUNBUFFERED=1" in in_image
    assert [name for name in SECRET_NAMES if name in in_image + in_unit] == []


def test_the_default_database_file_is_in_the_persistent_volume():
    default = Settings.model_fields["database_url"].default
    assert default == "sqlite:///callaudio.db"
    assert instructions("VOLUME") == [("VOLUME", "/data")]
    assert [rest for _, rest in instructions("WORKDIR")][-1] == "/data"
    unit = dict(re.findall(r"(?m)^(\w+)=(.*)$", text("deploy/callaudio.service")))
    assert unit["WorkingDirectory"] == f"/var/lib/{unit['StateDirectory']}"


def test_compose_drops_all_privileges_that_the_bot_does_not_need(services):
    for name in ("migrate", "web", "worker"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    published = [port for each in services.values() for port in each.get("ports", [])]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_deployment_waits_at_a_stop_until_work_is_handed_over(services):
    assert seconds(services["worker"]["stop_grace_period"]) > STOP_SECONDS
    unit = dict(re.findall(r"(?m)^(\w+)=(.*)$", text("deploy/callaudio.service")))
    assert seconds(unit["TimeoutStopSec"]) > STOP_SECONDS


def test_the_unit_runs_a_command_of_the_contract_and_restarts_it_after_any_exit_code():
    unit = dict(re.findall(r"(?m)^(\w+)=(.*)$", text("deploy/callaudio.service")))
    program, command = unit["ExecStart"].split()
    assert (Path(program).name, command in COMMANDS) == ("callaudio", True)
    assert unit["Restart"] == "always"


def test_a_procfile_runner_runs_the_release_command(tmp_path):
    done = subprocess.run(
        [BIN / "honcho", "--procfile", ROOT / "Procfile", "start", "release"],
        cwd=tmp_path,
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "DATABASE_URL": f"sqlite:///{tmp_path}/released.db",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "The new database was brought to revision" in done.stdout


@pytest.mark.skipif(SYSTEMD is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path):
    unit = tmp_path / "callaudio.service"
    installed = re.sub(
        r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text("deploy/callaudio.service")
    )
    unit.write_text(installed)
    done = subprocess.run(
        [SYSTEMD, "verify", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
