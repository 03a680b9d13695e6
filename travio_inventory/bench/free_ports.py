"""Ports of this machine for servers: nobody listens there, and the system gives them to no connection."""

import os
import socket
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from random import SystemRandom

LOOPBACK = "127.0.0.1"
EVERY_ADDRESS = ""
PORTS_FROM, PORTS_TRIED_MAX = 10_000, 1_000
CONNECTIONS_FROM = 32_768
"""From here on Linux takes the ports of connections that name none, unless it is told otherwise."""
RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")

_ports = SystemRandom()
"""Not seeded by any test: many processes look for ports at once."""
GIVEN_MAX = 200
_given: deque[int] = deque()
"""The files by which other processes know which ports this one was given, the newest last."""


def free_port(*hosts: str, wanted: int = 0) -> int:
    """A TCP port that nobody uses at these addresses of this machine, at the loopback address if none is named: the
    wanted one if a server may listen there now. Raises OSError if there is none.

    On Linux nobody else is given it while this process runs, or until it was given GIVEN_MAX others.
    """
    if wanted and _may_be_listened_on(wanted):
        return wanted
    for _ in range(PORTS_TRIED_MAX):
        port = _ports.randrange(PORTS_FROM, _first_port_of_connections())
        if _is_unused(port, hosts or (LOOPBACK,)) and _is_ours(port):
            return port
    raise OSError(f"no free port on {', '.join(hosts) or LOOPBACK}: does this machine have these addresses?")


def _is_ours(port: int) -> bool:
    """Whether no process was given it before: a name among the abstract sockets has one owner, and ends with it."""
    if sys.platform != "linux":
        return True
    named = socket.socket(socket.AF_UNIX)
    try:
        named.bind(f"\0travio-inventory-port-{port}")
    except OSError:
        named.close()
        return False
    _given.append(named.detach())
    if len(_given) > GIVEN_MAX:
        os.close(_given.popleft())
    return True


def _may_be_listened_on(port: int) -> bool:
    """Whether nobody listens there at any address; connections that ended lately do not count."""
    try:
        socket.create_server((EVERY_ADDRESS, port)).close()
    except OSError:
        return False
    return True


def _is_unused(port: int, hosts: Sequence[str]) -> bool:
    try:
        with ExitStack() as probes:
            for host in hosts:
                probes.enter_context(socket.socket()).bind((host, port))
    except OSError:
        return False
    return True


@cache
def _first_port_of_connections() -> int:
    first = int(RANGE_FILE.read_text().split()[0]) if RANGE_FILE.exists() else CONNECTIONS_FROM
    return max(first, 2 * PORTS_FROM)
