"""Commands that run the service itself: serve, work. Imports no more than they need, for a quick start."""

import sys

from travio_inventory.app import run
from travio_inventory.app.serving import Face
from travio_inventory.settings import Settings, SettingsError, load_settings

EXIT_WRONG_SETTING = 2


def serve(*, workers: int = 1, only: Face | None = None) -> int:
    """Run the service until SIGTERM or Ctrl-C. Settings come from the environment.

    Parameters
    ----------
    workers
        Number of processes that share the ports; two or more need SCYLLA_HOSTS and REDIS_ADDR.
    only
        Serve over gRPC or over HTTP alone.
    """
    settings = settings_or_none()
    if settings is None:
        return EXIT_WRONG_SETTING
    if only == "http" and not settings.http.is_on:
        sys.stderr.write("--only http: TRAVIO_HTTP_PORT is off: name a port\n")
        return EXIT_WRONG_SETTING
    if workers == 1:
        return run.serve(settings, only=only)
    from travio_inventory.cli import supervisor  # noqa: PLC0415 - one process alone needs none

    return supervisor.serve(settings, workers, only=only)


def work() -> int:
    """Run only the background jobs (sweeper, relay, forgetter), until SIGTERM or Ctrl-C."""
    settings = settings_or_none()
    return EXIT_WRONG_SETTING if settings is None else run.work(settings)


def settings_or_none(**given: object) -> Settings | None:
    """The result of `load_settings`; None, with one line on standard error, if a setting is wrong."""
    try:
        return load_settings(**given)
    except SettingsError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return None
