"""The output of a bench: a live table while it runs, and JSON with everything that a number needs to be compared."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

SHOWN_ROWS_MAX = 12
GIT_SECONDS_MAX = 5
VERSIONS_OF = (
    "travio-inventory", "grpclib", "betterproto2", "protobuf", "h2", "hpack", "anyio", "pydantic-settings", "uvloop",
    "scylla-driver", "redis",
)  # fmt: skip


class Board:
    """Shows rows as they come, on standard error: as a table that lives on a terminal, as lines elsewhere."""

    def __init__(self, title: str, columns: Sequence[str]) -> None:
        self._title = title
        self._columns = columns
        self._rows: list[list[str]] = []
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None

    def __enter__(self) -> "Board":
        if self._live is None:
            sys.stderr.write(f"{self._title}: {', '.join(self._columns)}\n")
        else:
            self._live.start()
            self._refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def add(self, *cells: object) -> None:
        """Show one more row; of many the last ones stay."""
        self._rows.append([str(cell) for cell in cells])
        if self._live is None:
            sys.stderr.write("  " + "  ".join(self._rows[-1]) + "\n")
        else:
            self._refresh()

    def _refresh(self) -> None:
        table = Table(title=self._title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in self._columns:
            table.add_column(column, justify="right", overflow="fold")
        for row in self._rows[-SHOWN_ROWS_MAX:]:
            table.add_row(*row)
        if self._live is not None:
            self._live.update(table, refresh=True)


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """The installed packages that the numbers depend on."""
    found = {package.metadata["Name"].lower(): package.version for package in distributions()}
    return {name: found[name] for name in VERSIONS_OF if name in found}


def commit() -> str:
    """The commit of the tree that this module is in, "+" where it was changed since; "" outside git."""
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],  # noqa: S607 - whichever git the operator has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS_MAX,
            check=True,
        )
        return said.stdout.strip()
    return ""


def command() -> str:
    """What was typed, ready to be typed again."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()
