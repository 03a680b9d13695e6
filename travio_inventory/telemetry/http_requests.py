"""Requests over HTTP, counted and timed by method, route and status."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter_ns
from typing import Any, Final, TypeAlias

from travio_inventory.kernel.tally import Tally
from travio_inventory.telemetry.families import HTTP_ACTIVE, HTTP_DURATION
from travio_inventory.telemetry.meters import Labels, Meters

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "_OTHER"
"""The label of a method that is none of these."""
CONVERTER: Final = re.compile(r":\w+\}")
"""In the path of a route: what a parameter may be."""
CANCELLED: Final = 499
"""The status of a request that was not answered: the caller left."""

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class HttpRequests:
    """Wraps an ASGI application that leaves the route in the scope; a request without one has the route ""."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._active = 0
        self._tallies: defaultdict[Labels, Tally] = defaultdict(Tally)

    def tell(self, meters: Meters) -> None:
        """Let these be read."""
        meters.read(HTTP_DURATION, self._durations)
        meters.read_one(HTTP_ACTIVE, lambda: self._active)

    def _durations(self) -> dict[Labels, Tally]:
        return {
            (method, CONVERTER.sub("}", route), status): tally
            for (method, route, status), tally in self._tallies.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began_ns, status = perf_counter_ns(), CANCELLED

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._active += 1
        try:
            await self._application(scope, receive, send_noting)
        finally:
            self._active -= 1
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = getattr(scope.get("route"), "path", "")
            self._tallies[method, route, str(status)].add(perf_counter_ns() - began_ns)
