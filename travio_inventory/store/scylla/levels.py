"""How many replicas decide about a request: chosen here, for our own connections and for the driver's."""

from typing import NamedTuple

from cassandra import ConsistencyLevel


class Levels(NamedTuple):
    """Of a plain write or a read, and of a condition (None where there is none)."""

    consistency: int
    serial: int | None = None

    @property
    def plain(self) -> "Levels":
        """Of what has no condition."""
        return Levels(self.consistency)

    @property
    def serial_read(self) -> "Levels":
        """Of a read that sees every batch that was answered."""
        assert self.serial is not None  # noqa: S101 - asked of the levels of batches alone
        return Levels(self.serial)


def levels_of(*, is_global: bool) -> Levels:
    """The levels of batches: a majority in the home datacenter, or of all datacenters together."""
    if is_global:
        return Levels(ConsistencyLevel.QUORUM, ConsistencyLevel.SERIAL)
    return Levels(ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_SERIAL)
