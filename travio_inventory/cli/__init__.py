"""The command line: what an operator types."""

import os
import sys
from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the words, or the program's arguments, name; raises SystemExit with its status."""
    from travio_inventory.cli.commands import run  # noqa: PLC0415 - who needs one module of ours needs no more

    try:
        run(words)
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
