"""The command line: what an operator types."""

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the words, or the program's arguments, name; raises SystemExit with its status."""
    asked = sys.argv[1:] if words is None else list(words)
    if asked in (["serve"], ["work"]):
        _run_service(asked[0])
    from travio_inventory.cli.commands import run  # noqa: PLC0415 - who needs one module of ours needs no more
    from travio_inventory.cli.exits import Exit  # noqa: PLC0415 - see above

    be_printable()
    try:
        run(words)
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except UnicodeEncodeError as wrong:
        sys.stderr.write(f"{wrong.object!a} is no text: write it in UTF-8\n")
        sys.exit(Exit.WRONG)
    except Exception:  # noqa: BLE001 - Python's own status for it, 1, is a definite no here
        traceback.print_exc()
        sys.exit(Exit.BROKEN)


def be_printable() -> None:
    """Let standard output escape what its terminal has no letters for."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run_service(name: str) -> NoReturn:
    """A service starts without the command line's machinery, and without looking for garbage among its imports: a
    third of the time.
    """
    gc.disable()
    from travio_inventory.cli import server  # noqa: PLC0415 - see main

    sys.exit(server.serve() if name == "serve" else server.work())
