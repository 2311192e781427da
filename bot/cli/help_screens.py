"""The help of the command line: when it is shown, and how options are listed."""

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


class Group(TyperGroup):
    """A group of commands, in whose help an option without a value has no type.

    A command that needs options and gets none shows its help, which lists them all.
    """

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - its type is private to typer
        """Return the options of the group."""
        return _without_bool(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Return a command of the group."""
        command = super().get_command(ctx, cmd_name)
        if isinstance(command, TyperCommand):
            parameters = _without_bool(command.get_params(ctx))
            command.no_args_is_help = any(each.required for each in parameters)
        return command


def _without_bool(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""  # otherwise <bool>
    return parameters
