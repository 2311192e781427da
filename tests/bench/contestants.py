"""The two bots that are measured side by side, each in a process of its own."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.ports import free_port

ROOT: Final = Path(__file__).parents[2]
SIMPLE_BOT: Final = Path(__file__).parent / "simple_bot"
SIMPLE_BOT_THREADS: Final = 8
START_SECONDS: Final = 30.0
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """A bot that answers."""

    pid: int
    events_url: str
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """Return the processor time of the process and its children so far."""
        return sum(map(cpu_seconds, self._pids()))

    def resident_mib(self) -> float:
        """Return the resident memory of the process and its children."""
        return sum(map(_resident_kib, self._pids())) / 1024

    def open_files(self) -> int:
        """Count the open files of the process, sockets included."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


@contextmanager
def product(
    environment: Mapping[str, str], folder: Path, cleared: list[str], *, module: str = "bot"
) -> Iterator[Running]:
    """Run `callaudio run` on a new SQLite file in which some people are cleared."""
    port = free_port()
    environ = {**environment, "DATABASE_URL": f"sqlite:///{folder}/callaudio.db", "PORT": str(port)}
    callaudio = [sys.executable, "-m", module]
    quiet = {"env": {**os.environ, **environ}, "cwd": ROOT, "stdout": subprocess.DEVNULL}
    subprocess.run([*callaudio, "migrate"], check=True, **quiet)
    for user_id in cleared:
        who = ["--team", "T0CALLAUDIO", "--user", user_id]
        subprocess.run(
            [*callaudio, "grants", "add", *who, "--reason", "bench"], check=True, **quiet
        )
    with _running([*callaudio, "run"], environ, ROOT, folder, port) as running:
        yield running


@contextmanager
def simple_bot(
    environment: Mapping[str, str], folder: Path, cleared: list[str]
) -> Iterator[Running]:
    """Run the simple bot under gunicorn, in its own environment."""
    path = folder / "simple_bot.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE cleared (user_id TEXT PRIMARY KEY)")
        database.executemany("INSERT INTO cleared VALUES (?)", [(each,) for each in cleared])
    port = free_port()
    command = [
        str(_simple_bot_environment() / "bin" / "gunicorn"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", str(SIMPLE_BOT_THREADS)),
        *("--bind", f"127.0.0.1:{port}", "--log-level", "warning", "app:flask"),
    ]
    environ = {**environment, "SIMPLE_BOT_DATABASE": str(path)}
    with _running(command, environ, SIMPLE_BOT, folder, port) as running:
        yield running


def _simple_bot_environment() -> Path:
    """Build the environment once; the checkout's cache keeps it."""
    folder = ROOT / ".cache" / "bench-simple-bot"
    stamp = folder / "requirements.txt"
    wanted = (SIMPLE_BOT / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
        flags = ["--disable-pip-version-check", "-r", str(SIMPLE_BOT / "requirements.txt")]
        subprocess.run([*install, *flags], check=True)
        stamp.write_text(wanted)
    return folder


@contextmanager
def _running(
    command: list[str], environ: Mapping[str, str], cwd: Path, folder: Path, port: int
) -> Iterator[Running]:
    origin = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environ}, stdout=log, stderr=log
        )
        try:
            _await_ready(process, f"{origin}/readyz")
            yield Running(process.pid, f"{origin}/slack/events", time.perf_counter() - began)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - ours
            if answer.status == 200:
                return
        time.sleep(0.02)
    msg = "the bot did not become ready"
    raise RuntimeError(msg)


def cpu_seconds(pid: int) -> float:
    """Read the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
