"""Runs one of a supervisor's processes, which ends with its supervisor: `... SECONDS [OPTIONS]`, a pipe as input."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from threading import Thread

from travio_inventory.cli import main

STANDARD_INPUT = 0


def serve_until_told(stop_seconds_max: float, options: Sequence[str]) -> None:
    """Serve, with these options, until standard input ends, then drain; killed if that takes longer than
    `stop_seconds_max`.

    Nothing is ever written to the pipe: it ends when the supervisor closes it or dies, for whatever reason, on every
    POSIX system. Ctrl-C and service managers signal supervisor and processes alike. A second signal would cut the drain
    short, so signals wait for the end of the pipe.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    Thread(target=_stop_at_end_of_input, args=[stop_seconds_max], daemon=True).start()
    main(["serve", *options])


def _stop_at_end_of_input(stop_seconds_max: float) -> None:
    """Let this process see one SIGTERM, at the end of the input, and no other."""
    while os.read(STANDARD_INPUT, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # a pending one is the same
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(stop_seconds_max)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve_until_told(float(sys.argv[1]), sys.argv[2:])
