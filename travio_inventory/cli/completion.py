"""The command that prints a completion script for a shell."""

import sys
from importlib import import_module
from typing import Annotated, Literal

from cyclopts import Parameter

from travio_inventory.cli import SERVICE_PACKAGES
from travio_inventory.cli.command import Command
from travio_inventory.cli.commands import COMMANDS, NAME, PACKAGE, build
from travio_inventory.cli.exits import Exit


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell.")], /) -> Exit:
    """Print a completion script that the shell reads at its start, as in `. completion.bash`."""
    there = [command for command in COMMANDS if _is_installed(command)]
    sys.stdout.write(build(there).generate_completion(prog_name=NAME, shell=shell))
    return Exit.DONE


def _is_installed(command: Command) -> bool:
    """Whether the command's packages are installed: a client has no commands of the service."""
    try:
        import_module(f"{PACKAGE}.{command.function.partition(':')[0]}")
    except ImportError as failed:
        if (failed.name or "").partition(".")[0] in SERVICE_PACKAGES:
            return False
        raise
    return True
