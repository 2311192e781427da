"""The command line: ``callaudio …`` and ``python -m bot …``."""

import errno
import gc
import os
import sys

from bot.cli.app import build_cli, named_command


def main() -> None:
    """Run the command named by the arguments, with the variables of `.env` in this folder.

    Files it creates, such as a SQLite file, are readable by their user only.
    """
    os.umask(0o077)
    arguments = sys.argv[1:]
    given = dict(os.environ)  # what wins over the file `.env`, also when that is read again
    # Imported modules stay in memory. Collecting garbage among them is a fifth of the start-up
    # time, and later most of the time of each collection.
    gc.disable()
    if named_command(arguments):
        _read_env_file()
    cli = build_cli(arguments)
    gc.freeze()
    gc.enable()
    try:
        cli(obj=given)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        from bot.cli import console  # noqa: PLC0415 - only if it failed

        # Python writes what is left in its buffer at its exit, and would fail there again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        words = "There is no room on the disk for the output, which is incomplete."
        sys.exit(console.complain(words, code=console.FAILED).exit_code)


def _read_env_file() -> None:
    # Imported here, because `--help` reads no settings.
    from bot.cli import console  # noqa: PLC0415 - see above
    from bot.settings.environment import ENV_FILE, read_env_file  # noqa: PLC0415 - see above
    from bot.settings.model import SettingsError  # noqa: PLC0415 - see above

    try:
        read_env_file(ENV_FILE, os.environ)
    except SettingsError as error:
        sys.exit(console.complain(*error.problems, code=console.BAD_USAGE).exit_code)


if __name__ == "__main__":
    main()
