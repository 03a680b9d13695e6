"""Why the service cannot start."""

from pathlib import Path


class StartFailed(Exception):
    """The service cannot start; the message is one line that says why."""


class NotReached(StartFailed):
    """Nothing answers there, or it says no: what it is like is not known."""


class NotAsRequired(StartFailed):
    """What answers there is not as the service needs it."""


def no_folder(what: str, folder: Path, failed: OSError, *, setting: str) -> StartFailed:
    """The failure to report if nothing can be written in the folder that the setting names."""
    where = f"{what} {folder.absolute()}"
    if isinstance(failed, FileExistsError):
        return StartFailed(f"{where} is a file: name a folder in {setting}")
    return StartFailed(f"{where}: {failed.strerror or failed}: name a folder in {setting} where the service may write")
