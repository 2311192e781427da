"""The wheel works wherever it is unpacked, and installs no other top-level package."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.store.revision import newest_revision
from tests.cli.process import ready
from tests.contracts.test_project_files import REQUIRED
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (built,) = folder.glob("callaudio-*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_installs_one_package_and_its_metadata(wheel):
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bot"}
    assert len(tops) == 2


def test_the_wheel_contains_the_repositorys_files_and_no_leftovers_of_tools(wheel):
    here = {
        path.relative_to(ROOT).as_posix().replace("migrations/", "bot/migrations/", 1)
        for folder in ("bot", "migrations")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names(wheel) if name.startswith("bot/")} == here
    assert "bot/py.typed" in here


PROGRAM = (
    "import sys; site = sys.argv.pop(1); sys.path.insert(0, site)\n"
    "import bot.__main__ as program; assert program.__file__.startswith(site)\n"
    "program.main()\n"
)


@pytest.fixture(scope="module")
def site(wheel: Path) -> Path:
    """The unpacked wheel; the first command writes bytecode that the others use."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "site")
    return wheel.parent / "site"


@pytest.fixture
def away(site: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a command of the unpacked wheel in an empty folder, with nothing in its environment."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, site, *arguments],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_outside_the_repository_the_wheel_migrates_a_database_and_prints_its_version(
    away, wheel, tmp_path
):
    migrated, _ = away("migrate", DATABASE_URL="sqlite:///away.db").communicate(timeout=300)
    version, _ = away("--version").communicate(timeout=300)
    assert migrated.startswith("The new database was brought to revision ")
    assert (tmp_path / "elsewhere/away.db").exists()
    named = f"callaudio {wheel.name.split('-')[1]}, database revision {newest_revision()}\n"
    assert version == named


async def test_outside_the_repository_the_wheel_runs(away, tmp_path):
    port = free_port()
    process = away("run", **REQUIRED, PORT=str(port))
    try:
        assert await ready(port) == {"database": True, "migrations": True, "worker": True}
    finally:
        process.terminate()
        _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert (tmp_path / "elsewhere/callaudio.db").exists()


@pytest.mark.long
def test_outside_the_repository_the_demo_exits_with_0(away, tmp_path):
    process = away("demo", "--once")
    told, errors = process.communicate(timeout=180)
    assert (process.returncode, "All 11 arrived as the rules say." in told) == (0, True), errors
    assert list((tmp_path / "elsewhere/callaudio-demo").glob("*.wav"))
