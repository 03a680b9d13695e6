"""A process for tests of the supervisor: reports that it is ready, and ends with its input. Arguments make it fail."""

import os
import sys
import time

from travio_inventory.telemetry.notify import ALIVE, READY, notify

HANGS_SECONDS = 60

if "fails" in sys.argv or os.environ.get("FAILS"):
    sys.exit(3)
notify(READY)
if "falls-silent" in sys.argv:
    notify(ALIVE)
os.read(0, 1)
if "hangs" in sys.argv:
    time.sleep(HANGS_SECONDS)
