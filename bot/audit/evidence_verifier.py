"""Verifies an evidence pack of callaudio offline: `python verify.py pack.zip [T…:seq:hash …]`.

It needs only Python's standard library. It prints *sound*, or lists the faults and ends with 1.
A pack is sound if no byte was changed, each event matches its hash, and consecutive events are
linked. A person who can write the database can write a sound pack of other events. An anchor that
was written down earlier excludes this for its own event and for the events numbered without a gap
up to it, and for nothing else in the pack. The remaining events are counted: compare them with
`callaudio audit export` of a database whose `callaudio audit verify` finds the anchor.
"""

import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

DIGEST_LENGTH = 64
MANIFEST = "manifest.json"
EVENTS = "events.jsonl"
PIECE_BYTES = 1 << 20
COVERED = ("actor", "at", "delivery", "payload", "previous", "seq", "tag", "team", "version")


def faults(
    path: Path, anchors: tuple[str, ...] = (), on_proof: Callable[[str], None] = lambda _: None
) -> Iterator[str]:
    """List the faults of a pack; empty if it is sound. ``on_proof`` gets what anchors prove."""
    if not _is_unchanged(path):
        yield "the pack: its bytes were changed"
        return
    with zipfile.ZipFile(path) as pack:
        manifest = json.loads(pack.read(MANIFEST))
        names = sorted(each.filename for each in pack.infolist() if each.filename != MANIFEST)
        if names != sorted(manifest["files"]):
            yield "the manifest: it lists other files than the pack contains"
            return
        for name in names:
            with pack.open(name) as file:
                if _digest(file) != manifest["files"][name]:
                    yield f"{name}: its digest differs from the manifest"
        with pack.open(EVENTS) as lines:
            yield from _faults_of_events(lines, manifest, set(anchors), on_proof)


def _is_unchanged(path: Path) -> bool:
    """Compare the digest at the end of the file with everything before it."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - DIGEST_LENGTH))
        return file.read() == content_digest(path)


def content_digest(path: Path) -> bytes:
    """Digest everything before the digest at the end of the file; returns hexadecimal digits."""
    digest, left = hashlib.sha256(), path.stat().st_size - DIGEST_LENGTH
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest().encode()


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _faults_of_events(
    lines: IO[bytes],
    manifest: Mapping[str, Any],
    anchors: set[str],
    on_proof: Callable[[str], None],
) -> Iterator[str]:
    last: dict[str, tuple[int, str]] = {}
    proofs = _Proofs(anchors, on_proof)
    count = 0
    for line in lines:
        event = json.loads(line, object_pairs_hook=without_repetition)
        count += 1
        where = f"event {event['team']}:{event['seq']}"
        if set(event) != {*COVERED, "hash"}:
            yield f"{where}: it has other fields than its hash covers"
        canonical = json.dumps(
            {name: event[name] for name in COVERED}, sort_keys=True, separators=(",", ":")
        )
        if hashlib.sha256(canonical.encode()).hexdigest() != event["hash"]:
            yield f"{where}: it was altered"
        seq, previous = last.get(event["team"], (0, ""))
        if event["seq"] <= seq:
            yield f"{where}: it is out of order"
        if event["seq"] == seq + 1 and previous and event["previous"] != previous:
            yield f"{where}: it does not continue the one before it"
        last[event["team"]] = (event["seq"], event["hash"])
        proofs.add(event["team"], event["seq"], event["hash"])
    if count != manifest["events"]:
        yield f"{EVENTS}: {manifest['events']} events were packed, but it contains {count}"
    for each in sorted(anchors):
        yield f"anchor {each}: it matches no event of the pack, so it proves nothing"
    for each in manifest["faults"]:
        yield f"the chain, when it was packed: {each}"
    on_proof(f"events that no anchor proves: {count - proofs.count} of {count}")


class _Proofs:
    """Finds the events that the anchors prove: those without a gap up to each of them."""

    def __init__(self, anchors: set[str], on_proof: Callable[[str], None]) -> None:
        self.count = 0
        self._anchors, self._on_proof = anchors, on_proof
        # Of each workspace: the start and the end of its newest events without a gap, and the
        # first of them that is not proved yet.
        self._runs: dict[str, tuple[int, int, int]] = {}

    def add(self, team: str, seq: int, digest: str) -> None:
        """Continue the workspace's events, or start after a gap; remove an anchor that is met."""
        start, end, unproved = self._runs.get(team, (seq, seq - 1, seq))
        if seq != end + 1:
            start = unproved = seq
        anchor = f"{team}:{seq}:{digest}"
        if anchor in self._anchors:
            self._anchors.remove(anchor)
            self.count += seq + 1 - unproved
            unproved = seq + 1
            self._on_proof(f"anchor {anchor} proves events {start} to {seq}")
        self._runs[team] = (start, seq, unproved)


def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; other readers may take the first value of a repeated name."""
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name is repeated"
        raise ValueError(msg)
    return found


def main(arguments: list[str]) -> int:
    """Verify the named pack; returns the exit code."""
    anchor = re.compile(r"[^:]+:[0-9]+:[0-9a-f]{64}")
    if not arguments or not all(anchor.fullmatch(each) for each in arguments[1:]):
        sys.stderr.write(f"{(__doc__ or '').splitlines()[0]}\n")
        return 2
    proofs: list[str] = []
    try:
        found = list(faults(Path(arguments[0]), tuple(arguments[1:]), proofs.append))
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        found = [f"the pack: it cannot be read ({type(error).__name__})"]
    sys.stdout.write("\n".join(found or ["sound", *proofs]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
