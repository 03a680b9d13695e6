"""The address of the record on a CQL cluster: hosts, their common port, the keyspace."""

import re
from typing import Final, NamedTuple

from travio_inventory.kernel.addresses import parse_address

FORMS: Final = "host,host or host:port,host:port"
PORT_DEFAULT: Final = 9042
KEYSPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""Allowed names of a keyspace."""


class Cluster(NamedTuple):
    """A cluster, by some of its nodes, which know the others."""

    hosts: tuple[str, ...]
    port: int


def parse_cluster(text: str) -> Cluster:
    """The cluster in the text; an IPv6 address is in brackets. Raises ValueError."""
    nodes = [parse_address(each.strip(), port_default=PORT_DEFAULT) for each in text.split(",")]
    ports = {node.port for node in nodes}
    if len(ports) > 1:
        raise ValueError("names several ports, but a cluster has one")
    return Cluster(tuple(node.host for node in nodes), ports.pop())
