"""Where a keyspace keeps its copies, and which of them decide: those of one home datacenter, or of all together."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cassandra.cluster import Session

from travio_inventory.store.scylla.connecting import BATCH, ScyllaOptions

READ_S_MAX = 10
_BY_DATACENTER = "NetworkTopologyStrategy"


class KeyspaceProblem(Exception):
    """The keyspace is not as it must be; the message is one line that says what to do."""


class HomeUnclear(KeyspaceProblem):
    """Several datacenters could each decide for themselves, or the one that is named cannot."""


class ReplicationTooLow(KeyspaceProblem):
    """The keyspace has fewer copies of each row than asked for."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose copies decide: those of the datacenter `home`, or of all datacenters where it is ""."""

    home: str

    def __str__(self) -> str:
        return f"home {self.home}" if self.home else "global"


def scope_of(options: ScyllaOptions, datacenters: Collection[str]) -> Scope:
    """The scope that the options choose, of a keyspace with copies in these datacenters. Raises HomeUnclear."""
    if options.serial == "global":
        return Scope("")
    if options.datacenter in datacenters:
        return Scope(options.datacenter)
    where = ", ".join(sorted(datacenters)) or "none"
    if options.datacenter:
        raise HomeUnclear(
            f"keyspace {options.keyspace} has no copies in datacenter {options.datacenter}, but in {where}: "
            "set TRAVIO_SCYLLA_DATACENTER to one of those"
        )
    if len(datacenters) == 1:
        return Scope(next(iter(datacenters)))
    raise HomeUnclear(
        f"keyspace {options.keyspace} is in the datacenters {where}, each of which would sell the same seat: "
        "set TRAVIO_SCYLLA_DATACENTER to the one that decides, or TRAVIO_SCYLLA_SERIAL=global"
    )


def copies(session: Session, keyspace: str) -> Mapping[str, int]:
    """How many copies each datacenter has; none where there is no such keyspace. ScyllaDB may name racks instead of a
    number. Raises HomeUnclear where copies are not kept by datacenter.
    """
    text = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
    row = session.execute(text, (keyspace,), timeout=READ_S_MAX).one()
    if row is None:
        return {}
    replication = dict(row[0])
    strategy = replication.pop("class")
    if not strategy.endswith(_BY_DATACENTER):
        raise HomeUnclear(f"keyspace {keyspace} has class {strategy.rpartition('.')[2]}: ALTER it to {_BY_DATACENTER}")
    counted = {name: int(value) if value.isdigit() else value.count(",") + 1 for name, value in replication.items()}
    return {name: count for name, count in counted.items() if count}


def planned(session: Session, options: ScyllaOptions) -> Scope:
    """The scope of the keyspace, which need not be there yet. Raises HomeUnclear."""
    return scope_of(options, copies(session, options.keyspace) or _datacenters(session))


def servers(session: Session, scope: Scope) -> int:
    """How many servers each datacenter has, at least, whose copies decide."""
    return min((count for name, count in _datacenters(session).items() if scope.home in ("", name)), default=0)


def check(session: Session, options: ScyllaOptions) -> Scope:
    """The scope in which this session decides. Raises HomeUnclear, ReplicationTooLow."""
    kept = copies(session, options.keyspace)
    scope = scope_of(options, kept)
    asked = asked_datacenter(session)
    if scope.home not in ("", asked):
        raise HomeUnclear(
            f"keyspace {options.keyspace} is in datacenter {scope.home}, and SCYLLA_HOSTS in {asked}: "
            f"set TRAVIO_SCYLLA_DATACENTER={scope.home}"
        )
    deciding = kept[scope.home] if scope.home else sum(kept.values())
    if deciding < options.replication_min:
        where = f" in datacenter {scope.home}" if len(kept) > 1 and scope.home else ""
        raise ReplicationTooLow(
            f"keyspace {options.keyspace} keeps {deciding} copies of a row{where}, not {options.replication_min}: "
            "raise its replication factor, or set TRAVIO_ENVIRONMENT=development where the record may be lost"
        )
    return scope


def asked_datacenter(session: Session) -> str:
    """The datacenter whose servers the session asks."""
    profiles = session.cluster.profile_manager.profiles
    return str(profiles[BATCH].load_balancing_policy.local_dc)


def _datacenters(session: Session) -> Mapping[str, int]:
    """How many servers each datacenter of the cluster has."""
    return Counter(host.datacenter for host in session.cluster.metadata.all_hosts())
