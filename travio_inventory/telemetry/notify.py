"""Notifies the parent of the process's state, by the protocol of systemd's Type=notify, which the supervisor uses too.

Ours: of the libraries that speak this protocol in Python alone, the newest in use is of 2017; it is one datagram.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"
ADDRESS_VARIABLE = "NOTIFY_SOCKET"
SILENCE_VARIABLE = "WATCHDOG_USEC"
OWNER_VARIABLE = "WATCHDOG_PID"
SEND_SECONDS_MAX = 1.0


def notify(state: str) -> None:
    """Send the state to the socket in NOTIFY_SOCKET, if it is set (sd_notify(3)); never raises."""
    address = os.environ.get(ADDRESS_VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):  # an abstract address, which has no file
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.settimeout(SEND_SECONDS_MAX)
            sending.sendto(state.encode(), address)
    except OSError as failed:
        log.warning("%s could not be notified of %s: %s", ADDRESS_VARIABLE, state, failed)


def silence_seconds_max() -> float | None:
    """How long the parent waits for a sign of life before it kills the process; None if it waits for none
    (sd_watchdog_enabled(3)).
    """
    allowed, owner = os.environ.get(SILENCE_VARIABLE, ""), os.environ.get(OWNER_VARIABLE, "")
    if owner not in ("", str(os.getpid())) or not allowed.isdecimal() or not int(allowed):
        return None
    return int(allowed) / 1_000_000


@asynccontextmanager
async def kept_alive() -> AsyncIterator[None]:
    """Meanwhile the event loop tells the parent that it turns, twice as often as it must: one that hangs is silent."""
    if (silence_s := silence_seconds_max()) is None:
        yield
        return
    telling = asyncio.create_task(_tell(silence_s / 2))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell(every_seconds: float) -> None:
    while True:
        notify(ALIVE)
        await asyncio.sleep(every_seconds)
