"""Tells who started the process what it is about to do, as systemd's Type=notify and our supervisor want to hear it.

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
    """Send the state to the socket that NOTIFY_SOCKET names, where it names one (sd_notify(3)); never raises."""
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
        log.warning("%s could not be told %s: %s", ADDRESS_VARIABLE, state, failed)
