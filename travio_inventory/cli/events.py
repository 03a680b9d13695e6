"""The command that shows the events in the data folder; it takes no lock."""

import json
import os
import shlex
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

from cyclopts import Parameter

from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.events.targets.files import FILE

POLL_SECONDS = 0.2
COLUMNS = {"at (UTC)": 23, "event": 23, "trip": 22, "user": 9, "subject": 57, "seats": 15, "order": 10}
"""Columns, with the width of most values, ordered to fill lines of 80 characters."""


def events(
    *,
    follow: Annotated[bool, Parameter(negative="", help="Follow the file until interrupted.")] = False,
    data: Annotated[Path, Parameter(env_var="TRAVIO_DATA", help="The service's data folder.")] = Path("./data"),
    as_json: AsJson = False,
) -> Exit:
    """Show the events that the service has published; with --json one object per line, as in the file."""
    screen = Screen(as_json=as_json)
    path = data / FILE
    if not follow and not path.exists():
        said = f"no events at {path}"
        return fail(screen, Failure(Exit.WRONG, "NO_EVENTS", said, "name the service's folder with --data"))
    try:
        lines = _lines(path, follow=follow)
        if as_json:
            for line in lines:
                screen.raw(line)
        else:
            screen.stream(list(COLUMNS), map(_row, lines), list(COLUMNS.values()))
    except KeyboardInterrupt:
        return Exit.DONE
    return Exit.DONE


def _row(line: str) -> list[str]:
    """The event as a row; any other line is shown as it is."""
    try:
        event = json.loads(line)
        at = datetime.fromtimestamp(event["at_ms"] / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        data = event["data"]
        user, order = data.get("user_id", event["actor"]), data.get("order", "")
        return [at, event["type"], data["trip"], user, event["subject"], shlex.join(data.get("seats", ())), order]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [line, *[""] * (len(COLUMNS) - 1)]


def _lines(path: Path, *, follow: bool) -> Generator[str, None, None]:
    """Complete lines of the file, without end while following; a file that replaces it is read too."""
    while follow and not path.exists():
        time.sleep(POLL_SECONDS)
    file = path.open(encoding="utf-8", errors="backslashreplace")
    part = ""
    try:
        while True:
            part += file.readline()
            if part.endswith("\n"):
                yield part.rstrip("\n")
                part = ""
            elif not follow:
                return
            else:
                time.sleep(POLL_SECONDS)
                if _is_replaced(file, path):
                    file.close()
                    file, part = path.open(encoding="utf-8", errors="backslashreplace"), ""
    finally:
        file.close()


def _is_replaced(file: TextIO, path: Path) -> bool:
    """Whether the path now names another file, or a shorter one."""
    if not path.exists():
        return False
    now, then = path.stat(), os.fstat(file.fileno())
    return now.st_ino != then.st_ino or now.st_size < file.tell()
