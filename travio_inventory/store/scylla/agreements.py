"""What every process on a keyspace must agree on, kept there: whose copies decide, and the rules of the protocol."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from travio_inventory.store.scylla.connecting import ScyllaOptions
from travio_inventory.store.scylla.placement import READ_S_MAX, KeyspaceProblem, Scope

DEPLOYMENT = "deployment"
"""A name that no other keyspace has, on whatever cluster."""
SERIAL = "serial"
"""The scope, in words."""


class ScopeDiffers(KeyspaceProblem):
    """This process has other copies decide than all other processes do."""


def record(session: Session, options: ScyllaOptions, scope: Scope) -> None:
    """Write, for every datacenter, the scope and a name if there are none yet, and this process's rules. Raises
    ScopeDiffers, and the driver's errors.
    """
    for name, value in ((SERIAL, str(scope)), (DEPLOYMENT, token_hex(4))):
        _write(session, options.keyspace, name, value, "IF NOT EXISTS")
    check(options.keyspace, str(scope), recorded(session, options.keyspace))
    for name, value in options.rules.items():
        _write(session, options.keyspace, name, value, "")


def recorded(session: Session, keyspace: str) -> Mapping[str, str]:
    """What was written, by name."""
    return dict(known(session, f"SELECT name, value FROM {keyspace}.agreements"))  # noqa: S608 - a checked name


def known(session: Session, text: str) -> Sequence[tuple[Any, ...]]:
    """What is written in every datacenter; if this one has nothing, as before the repair that copies older rows to it,
    a majority of all copies is asked.
    """
    rows = list(session.execute(text, timeout=READ_S_MAX))
    if rows:
        return rows
    return list(session.execute(SimpleStatement(text, consistency_level=ConsistencyLevel.QUORUM), timeout=READ_S_MAX))


def check(keyspace: str, scope: str, agreed: Mapping[str, str]) -> None:
    """Raises ScopeDiffers if that scope is not the written one."""
    decided = agreed.get(SERIAL)
    if decided is None:
        raise ScopeDiffers(f"keyspace {keyspace} does not say whose copies decide: run `travio-inventory schema apply`")
    if decided != scope:
        raise ScopeDiffers(
            f"keyspace {keyspace} is decided by scope `{decided}`, not `{scope}`, and both would sell the same seat: "
            f"set {_settings_of(decided)}"
        )


def differences(options: ScyllaOptions, agreed: Mapping[str, str]) -> Mapping[str, str]:
    """A line for each rule that differs from what was written."""
    return {
        name: f"{name}={value}, and {agreed[name]} in keyspace {options.keyspace}: all processes must have the same; "
        "run `travio-inventory schema apply` with it once they have"
        for name, value in options.rules.items()
        if agreed.get(name, value) != value
    }


def _settings_of(scope: str) -> str:
    home = scope.removeprefix("home ")
    if home == scope:
        return "TRAVIO_SCYLLA_SERIAL=global"
    return f"TRAVIO_SCYLLA_SERIAL=home and TRAVIO_SCYLLA_DATACENTER={home}"


def _write(session: Session, keyspace: str, name: str, value: str, condition: str) -> None:
    """Every datacenter has it afterwards, whichever copies decide about seats."""
    statement = SimpleStatement(
        f"INSERT INTO {keyspace}.agreements (name, value) VALUES (%s, %s) {condition}",  # noqa: S608 - a checked name
        consistency_level=ConsistencyLevel.EACH_QUORUM,
        serial_consistency_level=ConsistencyLevel.SERIAL,
    )
    session.execute(statement, (name, value), timeout=READ_S_MAX)
