"""The command line: what an operator types."""

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

SERVICE_PACKAGES = frozenset(
    {
        "cachetools",
        "cassandra",
        "fastapi",
        "hiredis",
        "httptools",
        "httpx",
        "jwt",
        "prometheus_client",
        "pydantic",
        "pydantic_settings",
        "redis",
        "starlette",
        "structlog",
        "uvicorn",
        "websockets",
    }
)
"""Packages that the extra `server` installs; a client does not need them."""


def main(words: Sequence[str] | None = None) -> None:
    """Run the command named by the words, or by the program's arguments; raises SystemExit with its status."""
    asked = sys.argv[1:] if words is None else list(words)
    try:
        if asked in (["serve"], ["work"]):
            _run_service(asked[0])
        _run_command(words)
    except ImportError as failed:
        sys.exit(not_imported(failed))


def not_imported(failed: ImportError) -> int:
    """Say what to install if the service's packages are missing; returns the exit status."""
    from travio_inventory.cli.exits import Exit  # noqa: PLC0415 - see _run_command

    missing = failed.__cause__ if isinstance(failed.__cause__, ImportError) else failed  # a command's own is wrapped
    if (missing.name or "").partition(".")[0] not in SERVICE_PACKAGES:
        traceback.print_exception(failed)
        return Exit.BROKEN
    said = f"this needs the packages of the service, and {missing.name} is not installed"
    sys.stderr.write(f"{said}: pip install 'travio-inventory[server]'\n")
    return Exit.WRONG


def _run_command(words: Sequence[str] | None) -> None:
    from travio_inventory.cli.commands import run  # noqa: PLC0415 - who needs one module of ours needs no more

    be_printable()
    try:
        run(words)
    except BrokenPipeError:  # the reader stopped reading, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ImportError:
        raise
    except (Exception, KeyboardInterrupt) as failed:  # noqa: BLE001 - Python's own status for it, 1, is a definite no here
        sys.exit(_failed(failed))


def _failed(failed: BaseException) -> int:
    """Say what a command failed with; returns the exit status."""
    from travio_inventory.cli.exits import Exit  # noqa: PLC0415 - help needs no client, whose import takes half its time

    match failed:
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case UnicodeEncodeError():
            sys.stderr.write(f"{failed.object!a} is not text: write it in UTF-8\n")
            return Exit.WRONG
        case OSError():  # for example a full disk under standard output
            sys.stderr.write(f"cannot go on: {failed.strerror or failed}\n")
            return Exit.BROKEN
        case _:
            traceback.print_exception(failed)
            return Exit.BROKEN


def be_printable() -> None:
    """Let standard output escape characters that its terminal cannot show; if it is closed, discard everything."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or sys.stdout
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run_service(name: str) -> NoReturn:
    """Start a service without the imports of the command line, without garbage collection during imports, which takes
    a third of the time, and without a search of all installed packages for plugins of pydantic.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from travio_inventory.cli import server  # noqa: PLC0415 - see main

    sys.exit(server.serve() if name == "serve" else server.work())
