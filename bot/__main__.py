"""The command line: ``callaudio …`` and ``python -m bot …``."""

from bot.cli.app import build_cli


def main() -> None:
    """Run the command line."""
    build_cli()()


if __name__ == "__main__":
    main()
