"""Commands that back up the embedded store and restore it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.connection_options import fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.store.sqlite import DataFolderInUse, UnfitDatabase
from travio_inventory.store.sqlite.copies import NoCopy, back_up
from travio_inventory.store.sqlite.copies import restore as restore_copy

MIB = 1024 * 1024
Data = Annotated[Path, Parameter(env_var="TRAVIO_DATA", help="The service's data folder.")]
HERE = Path("./data")


def backup(file: Path, *, data: Data = HERE) -> Exit:
    """Copy the embedded store to a new file while the service runs, as one moment saw it; it is on disk when this ends.

    A scylla store is backed up by its servers' own snapshots.
    """
    screen = Screen()

    def told(left: int, of: int) -> None:
        screen.over(f"{of - left} of {of} pages")

    try:
        copied = back_up(data, file, told=told)
    except (NoCopy, UnfitDatabase) as failed:
        screen.over("")
        return fail(screen, Failure(Exit.NO, "NO_BACKUP", str(failed)))
    screen.over("")
    screen.say(f"{copied.path} has the whole store: {copied.size_bytes / MIB:.1f} MiB")
    return Exit.DONE


def restore(
    file: Path,
    *,
    replace: Annotated[bool, Parameter(negative="", help="Put a store that is there aside, renamed.")] = False,
    data: Data = HERE,
) -> Exit:
    """Make a backup the store of a data folder, which no service may use meanwhile.

    What was done since the backup is lost: see the operations page for what to do before the service starts.
    """
    screen = Screen()
    try:
        aside = restore_copy(file, data, replace=replace)
    except (NoCopy, UnfitDatabase) as failed:
        return fail(screen, Failure(Exit.NO, "NOT_RESTORED", str(failed)))
    except DataFolderInUse as failed:
        return fail(screen, Failure(Exit.NO, "NOT_RESTORED", f"{failed}: stop that process first"))
    screen.say(f"{data.absolute()} has the store of {file}")
    if aside is not None:
        screen.say(f"what it had before is {aside}")
    screen.say("next: `travio-inventory audit --repair`, then start the service")
    return Exit.DONE
