"""The command line: ``callaudio …`` and ``python -m bot …``."""

import os
import sys

from bot.cli import console
from bot.cli.app import build_cli
from bot.environment import ENV_FILE, read_env_file
from bot.settings import SettingsError


def main() -> None:
    """Run the command line, with what a file `.env` in the current folder sets."""
    try:
        read_env_file(ENV_FILE, os.environ)
    except SettingsError as error:
        sys.exit(console.complain(*error.problems, code=console.BAD_USAGE).exit_code)
    build_cli()()


if __name__ == "__main__":
    main()
