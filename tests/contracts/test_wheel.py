"""The wheel works wherever it is unpacked, and puts nothing beside other people's packages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = folder.glob("callaudio-*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_it_installs_one_package_and_its_metadata(wheel):
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bot"}
    assert len(tops) == 2


def test_it_holds_what_the_repository_holds_and_nothing_that_tools_left(wheel):
    here = {
        path.relative_to(ROOT).as_posix().replace("migrations/", "bot/migrations/", 1)
        for folder in ("bot", "migrations")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names(wheel) if name.startswith("bot/")} == here
    assert "bot/py.typed" in here


def test_away_from_the_repository_it_migrates_a_database_and_tells_its_version(wheel, tmp_path):
    site, folder = tmp_path / "site", tmp_path / "elsewhere"
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    program = (
        "import sys; site = sys.argv.pop(1); sys.path.insert(0, site)\n"
        "import bot.__main__ as program; print(program.__file__)\n"
        "for command in ('migrate', '--version'):\n"
        "    sys.argv[1:] = [command]\n"
        "    try: program.main()\n"
        "    except SystemExit as ended: assert not ended.code\n"
    )
    where, migrated, version = subprocess.run(
        [sys.executable, "-c", program, str(site)],
        cwd=folder,
        env={"DATABASE_URL": "sqlite:///away.db"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    assert Path(where).is_relative_to(site)
    assert migrated == "The database is up to date."
    assert (folder / "away.db").exists()
    assert version == f"callaudio {wheel.name.split('-')[1]}"
