"""Logs which servers go down and come back, as the driver notices, in place of the driver's own lines."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from cassandra.cluster import Cluster
from cassandra.policies import HostDistance, HostStateListener
from cassandra.pool import Host

from travio_inventory.telemetry.outages import Outages

LOOK_EVERY_S = 1.0

_log = logging.getLogger(__name__)


class Servers(HostStateListener):  # type: ignore[misc]  # the driver ships no types
    """The servers of a cluster; each is logged once when it goes down and once when it is back. Created on the event
    loop; the driver calls from its own threads.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._loop = asyncio.get_running_loop()
        self._outages: dict[str, Outages] = {}
        self._looking: asyncio.TimerHandle | None = None
        cluster.register_listener(self)

    def close(self) -> None:
        """Stop logging."""
        self._cluster.unregister_listener(self)
        if self._looking is not None:
            self._looking.cancel()

    def missed(self) -> None:
        """A request was not answered, or not sent; it counts for every server that is down."""
        for outages in self._outages.values():
            outages.missed()

    def on_down(self, host: Host) -> None:
        """A server went down."""
        if self._cluster.profile_manager.distance(host) != HostDistance.IGNORED:
            self._soon(self._went, str(host.endpoint))

    def on_up(self, host: Host) -> None:
        """A server is back."""
        self._soon(self._came, str(host.endpoint))

    def on_add(self, host: Host) -> None:
        """A server is new; nothing to log."""
        self._soon(self._came, str(host.endpoint))

    def on_remove(self, host: Host) -> None:
        """A server has left the cluster."""
        self._soon(self._outages.pop, str(host.endpoint), None)

    def _soon(self, call: Callable[..., object], *words: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, and so are we
            self._loop.call_soon_threadsafe(call, *words)

    def _went(self, name: str) -> None:
        outages = self._outages.setdefault(name, Outages(_log, f"database server {name}"))
        outages.went("it does not answer")
        if self._looking is None:
            self._look()

    def _came(self, name: str) -> None:
        if name in self._outages:
            self._outages[name].came()

    def _look(self) -> None:
        for outages in self._outages.values():
            outages.look()
        is_any = any(outages.is_down for outages in self._outages.values())
        self._looking = self._loop.call_later(LOOK_EVERY_S, self._look) if is_any else None
