"""How the commands look in a shell: grouped by task, flags without a type, help for groups."""

from collections.abc import Iterator
from typing import Any

import typer

HELP = ["-h", "--help"]
PANELS = {
    "Start": ("demo", "info"),
    "Data": ("data",),
    "Train": ("train", "recipe", "prune", "classify"),
    "Use": ("predict", "evaluate", "report", "model"),
    "Explain": ("audit", "quality", "cam"),
    "Study": ("compare", "study"),
}
"""Commands by what they are for, in the order of ``--help``."""


def command_of(app: typer.Typer) -> Any:
    """Make the commands ready to be run."""
    command: Any = typer.main.get_command(app)
    commands = command.commands
    command.commands = {name: commands[name] for names in PANELS.values() for name in names}
    for panel, names in PANELS.items():
        for name in names:
            command.commands[name].rich_help_panel = panel
    for one in (command, *_below(command)):
        for option in one.get_params(typer.Context(one, help_option_names=HELP)):
            if getattr(option, "is_flag", False):  # a flag takes no value, so it has no type
                option.metavar = ""
    return command


def with_help(command: Any, words: list[str]) -> list[str]:
    """Ask for help where words name no more than a group of commands."""
    group = command
    for word in words:
        group = getattr(group, "commands", {}).get(word)
    return [*words, "--help"] if hasattr(group, "commands") else words


def _below(command: Any) -> Iterator[Any]:
    for one in getattr(command, "commands", {}).values():
        yield one
        yield from _below(one)
