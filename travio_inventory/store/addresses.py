"""Where the record is on a CQL cluster: hosts, the port that all of them listen on, the keyspace."""

import re
from typing import Final, NamedTuple

FORMS: Final = "host,host or host:port,host:port"
PORT_DEFAULT: Final = 9042
KEYSPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What a keyspace may be called."""

_NODE: Final = re.compile(
    r"\[(?P<v6>[0-9a-fA-F:.]+)\](:(?P<v6_port>\d{1,5}))?|(?P<name>[\w.-]+)(:(?P<port>\d{1,5}))?", re.ASCII
)


class Cluster(NamedTuple):
    """Some nodes of a cluster, which know the others."""

    hosts: tuple[str, ...]
    port: int


def parse_cluster(text: str) -> Cluster:
    """The cluster that the text names; an IPv6 address is in brackets. Raises ValueError."""
    nodes = [_node(each.strip()) for each in text.split(",")]
    ports = {port for _, port in nodes}
    if len(ports) > 1:
        raise ValueError("names several ports, and a cluster has one")
    return Cluster(tuple(host for host, _ in nodes), ports.pop())


def _node(text: str) -> tuple[str, int]:
    found = _NODE.fullmatch(text)
    port = int(found["v6_port"] or found["port"] or PORT_DEFAULT) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ValueError("is no address")
    return found["v6"] or found["name"], port
