"""How much memory processes keep resident while a run lasts."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from verification.chaos.deployment import Deployment

OURSELVES = "this program: callers, notes and judge"


@dataclass
class Resident:
    """One process, or several processes one after the other under one name; in MiB."""

    at_start: float = 0.0
    at_peak: float = 0.0
    at_end: float = 0.0


@dataclass
class Memory:
    """`look` now and then."""

    resident: dict[str, Resident] = field(default_factory=dict)

    def look(self, deployment: Deployment) -> None:
        """Read what all services and this process use now, and the peak of each."""
        pids = {service.name: service.process.pid for service in deployment.services}
        for name, pid in {**pids, OURSELVES: os.getpid()}.items():
            now, peak = _mib(pid, "VmRSS"), _mib(pid, "VmHWM")
            if now:
                known = self.resident.setdefault(name, Resident(at_start=now))
                known.at_end, known.at_peak = now, max(known.at_peak, peak)


def _mib(pid: int, name: str) -> float:
    """0 if the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:")]
    return int(sizes[0]) / 1_024 if sizes else 0.0
