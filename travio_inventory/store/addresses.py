"""Where the record is on a CQL cluster: hosts, the port that all of them listen on, the keyspace."""

import re
from typing import Final, NamedTuple

from travio_inventory.kernel.addresses import parse_address

FORMS: Final = "host,host or host:port,host:port"
PORT_DEFAULT: Final = 9042
KEYSPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What a keyspace may be called."""


class Cluster(NamedTuple):
    """Some nodes of a cluster, which know the others."""

    hosts: tuple[str, ...]
    port: int


def parse_cluster(text: str) -> Cluster:
    """The cluster that the text names; an IPv6 address is in brackets. Raises ValueError."""
    nodes = [parse_address(each.strip(), port_default=PORT_DEFAULT) for each in text.split(",")]
    ports = {node.port for node in nodes}
    if len(ports) > 1:
        raise ValueError("names several ports, and a cluster has one")
    return Cluster(tuple(node.host for node in nodes), ports.pop())
