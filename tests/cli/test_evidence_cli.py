"""`callaudio evidence` on the command line."""

from pathlib import Path

from bot.audit.evidence_verifier import faults


def test_a_pack_is_written_once_and_the_head_of_the_chain_is_printed(run, tmp_path):
    run("grants", "add", "--team", "T0CALLAUDIO", "--user", "U0ALICE00", "--reason", "quality")
    out = str(tmp_path / "pack.zip")
    packed = run("evidence", "--since", "2020-01-01", "--out", out)
    assert packed.exit_code == 0
    said, head = packed.stdout.splitlines()
    assert said.startswith(f"{out}: 1 events.")
    assert list(faults(Path(out), (head.removeprefix("head "),))) == []
    again = run("evidence", "--since", "2020-01-01", "--out", out)
    assert (again.exit_code, "cannot be written" in again.stderr) == (1, True)


def test_a_pack_without_events_is_a_failure(run, tmp_path):
    run("grants", "add", "--team", "T0CALLAUDIO", "--user", "U0ALICE00", "--reason", "quality")
    packed = run("evidence", "CAtypo", "--out", str(tmp_path / "pack.zip"))
    assert packed.exit_code == 1
    assert packed.stdout.startswith(f"{tmp_path / 'pack.zip'}: 0 events.")
    assert "No event is in it: check the id" in packed.stderr


def test_a_conversation_or_a_period_has_to_be_named(run):
    assert run("evidence").exit_code == 2
