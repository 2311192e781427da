"""The help of the command line: options that take no value show no type."""

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


class Group(TyperGroup):
    """A group of commands; the options of each that take no value are shown by name only."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - its type is private to typer
        """Return the options of the group."""
        return _without_bool(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Return a command of the group."""
        command = super().get_command(ctx, cmd_name)
        if isinstance(command, TyperCommand):
            _without_bool(command.get_params(ctx))
        return command


def _without_bool(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""  # otherwise <bool>
    return parameters
