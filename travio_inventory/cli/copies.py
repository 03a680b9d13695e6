"""Commands that back up the embedded store and restore it."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.app.deeds import one_deed, operator_here
from travio_inventory.cli.connection_options import fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.store.sqlite import DataFolderInUse, SqliteGuest, UnfitDatabase
from travio_inventory.store.sqlite.copies import NoCopy, back_up
from travio_inventory.store.sqlite.copies import restore as restore_copy

MIB = 1024 * 1024
Data = Annotated[Path, Parameter(env_var="TRAVIO_DATA", help="The service's data folder.")]
HERE = Path("./data")


def backup(file: Path, *, data: Data = HERE) -> Exit:
    """Copy the embedded store to a new file while the service runs, as one moment saw it; it is on disk when this ends.

    A scylla store is backed up by its servers' own snapshots.
    """
    screen, settings = Screen(), settings_or_none()
    if settings is None or not _is_embedded(screen, settings.store.kind):
        return Exit.WRONG

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

    What was done since the backup is lost: see the operations page for what to do before the service starts. That it
    was restored is in the list of deeds.
    """
    screen, settings = Screen(), settings_or_none()
    if settings is None or not _is_embedded(screen, settings.store.kind):
        return Exit.WRONG
    try:
        aside = restore_copy(file, data, replace=replace)
    except (NoCopy, UnfitDatabase) as failed:
        return fail(screen, Failure(Exit.NO, "NOT_RESTORED", str(failed)))
    except DataFolderInUse as failed:
        return fail(screen, Failure(Exit.NO, "NOT_RESTORED", f"{failed}: stop that process first"))
    screen.say(f"{data.absolute()} has the store of {file}")
    if aside is not None:
        screen.say(f"what it had before is {aside}")
    try:
        asyncio.run(_recorded(data, str(file.absolute()), kept_s=settings.retention.deeds_seconds))
    except (UnfitDatabase, BackendUnavailable) as failed:
        screen.say(f"`travio-inventory deeds` will not tell of it: {failed}", "yellow")
    screen.say("next: `travio-inventory audit --repair`, then start the service")
    return Exit.DONE


def _is_embedded(screen: Screen, kind: str) -> bool:
    """Whether the service has the embedded store; says so if not: what a folder has is of an earlier time then."""
    if kind == "embedded":
        return True
    how = "its servers' own snapshots (the operations page)" if kind == "scylla" else "nothing: it is never on disk"
    told = f"TRAVIO_STORE={kind} is no embedded store: what backs it up is {how}"
    fail(screen, Failure(Exit.WRONG, "NOT_EMBEDDED", told))
    return False


async def _recorded(data: Path, about: str, *, kept_s: int) -> None:
    """Record that it was restored, in what was restored. Raises UnfitDatabase if that is of an earlier release, and
    BackendUnavailable.
    """
    async with (
        SqliteGuest.open(data) as guest,
        one_deed(Deeds(guest, SystemClock(), kept_s=kept_s), operator_here(), "restore backup", about),
    ):
        pass
