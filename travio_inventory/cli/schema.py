"""Commands that create the tables in the scylla store's cluster, and check them."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.deeds import operator_here
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.server import settings_or_none
from travio_inventory.cli.starting import cannot_start
from travio_inventory.settings import Settings

COPIES_DEFAULT = 3


def apply_schema(
    *, replication: Annotated[int, Parameter(help="Copies of each row in each datacenter.")] = COPIES_DEFAULT
) -> Exit:
    """Create the keyspace and the tables at SCYLLA_HOSTS, and add what is missing. Repeating it changes nothing.

    It never drops or changes anything; an existing keyspace keeps its replication. It refuses fewer than three copies
    unless TRAVIO_ENVIRONMENT=development: what was sold must survive the loss of a server.
    """
    by = operator_here()
    return _told(lambda scylla, settings: scylla.apply_schema(settings, replication=replication, by=by))


def check_schema() -> Exit:
    """Compare the keyspace at SCYLLA_HOSTS with what this release needs."""
    return _told(lambda scylla, settings: scylla.check_schema(settings), end=", as needed")


def _told(work: Callable[[ModuleType, Settings], int], end: str = "") -> Exit:
    """Do the work, which returns the schema version, and print the result."""
    from travio_inventory.app.backends import scylla  # noqa: PLC0415 - the driver is slow to import

    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    try:
        version = work(scylla, settings)
    except scylla.ReplicationRefused as refused:
        return _said(f"--replication: {refused}", Exit.WRONG)
    except StartFailed as failed:
        unnamed = "" if settings.store.kind == "scylla" else ": SCYLLA_HOSTS names the cluster"
        return _said(f"{failed}{unnamed}", cannot_start(failed).status)
    sys.stdout.write(f"keyspace {settings.scylla.keyspace} has schema version {version}{end}\n")
    return Exit.DONE


def _said(line: str, status: Exit) -> Exit:
    sys.stderr.write(line + "\n")
    return status
