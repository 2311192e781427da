"""`make bench`: figures, measured side by side in one run; nothing here passes or fails a build."""

import asyncio
import sys

from tests.bench import audit_chain, commands, deliveries, digests, relay, rights, waveform


def main() -> None:
    """Run every benchmark and print what came of it."""
    print(
        f"Python {sys.version.split()[0]}; everything on loopback, stand-ins in their own process"
    )
    for name, bench in (
        ("A delivery beside a bot of an afternoon", deliveries.run),
        ("One large recording through the relay", relay.run),
        ("The same recording with and without its waveform", waveform.run),
        ("Two hundred commands at once", commands.run),
        ("The decision's own work", rights.run),
        ("The audit chain", audit_chain.run),
        ("A digest of a million conversations", digests.run),
    ):
        print(f"\n{name}", flush=True)
        asyncio.run(bench())


if __name__ == "__main__":
    main()
