"""Fuzz one parser and exit: ``python -m tests.fuzz.one_target TARGET FOLDER RUNS SEED``."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bot"]):
    from tests.fuzz.targets import targets


def main(name: str, folder: str, runs: str, seed: str) -> None:
    """Run libFuzzer on the target; it ends the process and writes only to the folder."""
    target = targets()[name]
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, fed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(fed)
    options = [
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={target.max_bytes}",
        "-timeout=20",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
