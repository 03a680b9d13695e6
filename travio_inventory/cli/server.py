"""Commands that run the service itself: serve, work. Imports no more than they need, for a quick start."""

import sys

from travio_inventory.app import run
from travio_inventory.settings import Settings, SettingsError, load_settings

EXIT_WRONG_SETTING = 2


def serve(*, workers: int = 1) -> int:
    """Run the service until it is told to stop (SIGTERM or Ctrl-C). Settings come from the environment.

    Parameters
    ----------
    workers
        Processes that share the port; more than one need SCYLLA_HOSTS and REDIS_ADDR.
    """
    settings = settings_or_none()
    if settings is None:
        return EXIT_WRONG_SETTING
    if workers == 1:
        return run.serve(settings)
    from travio_inventory.cli import supervisor  # noqa: PLC0415 - one process alone needs none

    return supervisor.serve(settings, workers)


def work() -> int:
    """Run the background jobs (the sweeper and the relay of events) alone, until told to stop."""
    settings = settings_or_none()
    return EXIT_WRONG_SETTING if settings is None else run.work(settings)


def settings_or_none(**given: object) -> Settings | None:
    """What `load_settings` gives; None, with one line on standard error, where a setting is wrong."""
    try:
        return load_settings(**given)
    except SettingsError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return None
