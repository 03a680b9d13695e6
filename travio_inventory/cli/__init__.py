"""The command line: what an operator types."""

import os
import sys


def main() -> None:
    """Run the command that the program's arguments name, and exit with its status."""
    from travio_inventory.cli.commands import build  # noqa: PLC0415 - who needs one module of ours needs no more

    try:
        build()()
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
