"""The command line: ``callaudio …`` and ``python -m bot …``."""

import gc
import os
import sys

from bot.cli.app import build_cli, named_command


def main() -> None:
    """Run the command that the arguments name, with what a file `.env` in this folder sets.

    What it creates is for its user alone: a SQLite file and all that SQLite puts beside it.
    """
    os.umask(0o077)
    arguments = sys.argv[1:]
    # What is imported stays. Looking through it for garbage is a fifth of the time until a command
    # runs, and later on most of the time that each collection takes.
    gc.disable()
    if named_command(arguments):
        _read_env_file()
    cli = build_cli(arguments)
    gc.freeze()
    gc.enable()
    cli()


def _read_env_file() -> None:
    # Imported here, for `--help` reads no settings.
    from bot.cli import console  # noqa: PLC0415 - see above
    from bot.settings.environment import ENV_FILE, read_env_file  # noqa: PLC0415 - see above
    from bot.settings.model import SettingsError  # noqa: PLC0415 - see above

    try:
        read_env_file(ENV_FILE, os.environ)
    except SettingsError as error:
        sys.exit(console.complain(*error.problems, code=console.BAD_USAGE).exit_code)


if __name__ == "__main__":
    main()
