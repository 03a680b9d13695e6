"""The command line: what an operator types."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the words, or the program's arguments, name; raises SystemExit with its status."""
    asked = sys.argv[1:] if words is None else list(words)
    if asked in (["serve"], ["work"]):
        _run_service(asked[0])
    from travio_inventory.cli.commands import run  # noqa: PLC0415 - who needs one module of ours needs no more

    try:
        run(words)
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_service(name: str) -> NoReturn:
    """A service starts without the command line's machinery, and without looking for garbage among its imports: a
    third of the time.
    """
    gc.disable()
    from travio_inventory.cli import server  # noqa: PLC0415 - see main

    sys.exit(server.serve() if name == "serve" else server.work())
