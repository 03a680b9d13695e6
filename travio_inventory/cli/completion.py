"""The command that prints what a shell needs to complete the words of this command line."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from travio_inventory.cli.commands import NAME, build
from travio_inventory.cli.exits import Exit


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="For which shell.")], /) -> Exit:
    """Print a script for the shell to read at its start, as in `. completion.bash`."""
    sys.stdout.write(build().generate_completion(prog_name=NAME, shell=shell))
    return Exit.DONE
