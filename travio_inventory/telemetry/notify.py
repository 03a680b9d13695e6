"""Notifies the parent of the process's state, by the protocol of systemd's Type=notify, which the supervisor uses too.

Ours: of the libraries that speak this protocol in Python alone, the newest in use is of 2017; it is one datagram.
"""

import logging
import os
import socket

log = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"
ADDRESS_VARIABLE = "NOTIFY_SOCKET"
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
