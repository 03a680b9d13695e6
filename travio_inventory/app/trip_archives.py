"""The folder in which trips are kept that are forgotten, as the settings name it."""

from pathlib import Path

from travio_inventory.app.backends import no_folder
from travio_inventory.store.trip_archive import TripArchive


def open_archive(folder: Path | None) -> TripArchive | None:
    """Where trips are kept that are forgotten. Raises StartFailed."""
    if folder is None:
        return None
    archive = TripArchive(folder)
    try:
        archive.check()
    except OSError as failed:
        raise no_folder("archive of trips", folder, failed, setting="TRAVIO_TRIP_ARCHIVE") from failed
    return archive
