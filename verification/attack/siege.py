"""One service under attack: the attack, the well-behaved callers before, during and after it, and the verdict."""

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

from travio_inventory.bench.free_ports import free_port
from travio_inventory.bench.measuring import latency_ms
from verification.attack.assault import NOTHING, Assault, Attack
from verification.attack.bystanders import VISITS_PER_SECOND, Visit, bystanders
from verification.attack.targets import trips
from verification.kit.service_process import ORGANIZATION, ServiceProcess, serving
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

OK: Final = "OK"
MEMORY_GROWTH_MB_MAX: Final = 150.0
"""How much a service may grow during one attack: 64 MiB of requests that are still arriving, and as much again."""
WAIT_SECONDS_MAX: Final = 5.0
"""The longest wait of a well-behaved caller, on an otherwise idle machine."""
LOG_BYTES_MAX: Final = 1_000_000
"""The most log lines that one attack may cause."""
SAMPLE_SECONDS: Final = 0.05
LATE_SECONDS_MAX: Final = 120.0
TOKENS: Final = {
    "TRAVIO_AUTH": "jwt",
    "TRAVIO_JWT_ISSUER": ISSUER,
    "TRAVIO_JWT_AUDIENCE": AUDIENCE,
    "TRAVIO_JWT_SECRET": SECRET,
}


@dataclass(frozen=True, slots=True)
class Phase:
    """The results of the well-behaved callers during one period."""

    latency_ms: dict[str, float]
    """Visits over connections that existed before the attack."""
    errors: dict[str, int]
    newcomers: int
    turned_away: int
    """New callers that were not served."""
    newcomer_ms: dict[str, float]

    @classmethod
    def of(cls, visits: list[Visit]) -> "Phase":
        old = [visit for visit in visits if not visit.newcomer]
        new = [visit for visit in visits if visit.newcomer]
        served = [visit for visit in new if visit.outcome == OK]
        return cls(
            latency_ms=latency_ms([visit.seconds for visit in old]),
            errors=dict(Counter(visit.outcome for visit in old if visit.outcome != OK)),
            newcomers=len(new),
            turned_away=len(new) - len(served),
            newcomer_ms=latency_ms([visit.seconds for visit in served]),
        )

    @property
    def longest_s(self) -> float:
        """The longest wait of a caller that was connected before."""
        return self.latency_ms.get("max", 0.0) / 1_000


@dataclass(slots=True)
class Outcome:
    """The result of an attack."""

    attack: Attack
    seconds: float
    before: Phase
    during: Phase
    after: Phase
    memory_mb: dict[str, float]
    """Resident memory of the service: before, peak (seen 20 times a second), after."""
    told: dict[str, int]
    facts: dict[str, int]
    log_bytes: int
    broken: list[str] = field(default_factory=list)
    """The promises that were broken."""


class Siege:
    """A service with its well-behaved callers."""

    def __init__(self, service: ServiceProcess, visits: list[Visit], wait_seconds_max: float) -> None:
        self.service = service
        self._visits = visits
        self._wait_seconds_max = wait_seconds_max
        self._log_chars_seen = 0

    async def bear(self, attack: Attack, *, scale: float, quiet_seconds: float) -> Outcome:
        """One attack, with a quiet period of that length before and after it."""
        log_bytes, began_s = self._log_bytes(), monotonic()
        await asyncio.sleep(quiet_seconds)
        assault = Assault(self.service.port, scale, self.service.web_port)
        memory, broken = {"before": self._memory_mb()}, list[str]()
        attacked_s = monotonic()
        peak_mb = await self._peak_mb_while(self._run(attack, assault, broken))
        relieved_s = monotonic()
        memory["peak"] = max(peak_mb, await self._peak_mb_while(asyncio.sleep(quiet_seconds)))
        memory["after"] = self._memory_mb()
        before, during, after = [
            Phase.of(await self._between(start, end))
            for start, end in ((began_s, attacked_s), (attacked_s, relieved_s), (relieved_s, monotonic()))
        ]
        outcome = Outcome(
            attack, relieved_s - attacked_s, before, during, after, memory, dict(assault.heard) or {NOTHING: 1},
            assault.facts,
            self._log_bytes() - log_bytes, broken,
        )  # fmt: skip
        broken += [*self._alarms(), *_broken(outcome, self._wait_seconds_max)]
        return outcome

    async def _run(self, attack: Attack, assault: Assault, broken: list[str]) -> None:
        try:
            await asyncio.wait_for(attack.run(assault), attack.seconds_max)
        except TimeoutError:
            broken.append(f"the attack was not over in {attack.seconds_max:g} s")

    async def _peak_mb_while(self, work: Coroutine[Any, Any, None]) -> float:
        """The peak of the service's memory meanwhile."""
        running = asyncio.create_task(work)
        peak_mb = self._memory_mb()
        while not running.done():
            await asyncio.wait([running], timeout=SAMPLE_SECONDS)
            peak_mb = max(peak_mb, self._memory_mb())
        running.result()
        return peak_mb

    async def _between(self, start_s: float, end_s: float) -> list[Visit]:
        """All visits that were due between the two moments, once they are over. Raises TimeoutError."""
        numbers: set[int] = set()
        async with asyncio.timeout(LATE_SECONDS_MAX):
            while True:
                found = [visit for visit in self._visits if start_s <= visit.due_s < end_s]
                numbers = {visit.number for visit in found}
                due = int((end_s - start_s) * VISITS_PER_SECOND)
                if len(numbers) >= due - 1:
                    return found
                await asyncio.sleep(SAMPLE_SECONDS)

    def _memory_mb(self) -> float:
        """Resident memory; 0 if the process is gone."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.service.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return round(int(line.split()[1]) / 1_024, 1)
        return 0.0

    def _log_bytes(self) -> int:
        return len(self.service.log.encode())

    def _alarms(self) -> list[str]:
        """Unexpected lines in the service's log since the last call, and whether the process lives."""
        said = self.service.log[self._log_chars_seen :]
        self._log_chars_seen += len(said)
        alarms = [line for line in said.splitlines() if "Traceback" in line or " ERROR " in line]
        if not self._memory_mb():
            alarms.append("the service died")
        return [f"log: {line}" for line in Counter(alarms)]


@asynccontextmanager
async def siege(
    folder: Path, *, wait_seconds_max: float = WAIT_SECONDS_MAX, with_tokens: bool = False, **settings: str
) -> AsyncIterator[Siege]:
    """A service with trips on sale and active callers, who have tokens if it asks for them; it must stop cleanly in the
    end.
    """
    _allow_many_connections()
    shown = token(org=ORGANIZATION, sub="crowd", scope="read hold confirm admin delegate") if with_tokens else ""
    settings |= TOKENS if with_tokens else {}
    async with serving(folder, **{"TRAVIO_HTTP_PORT": str(free_port())} | settings) as service:
        async with service.client(token=shown) as client:
            for trip in trips():
                await client.open_trip(trip)
        async with bystanders(service.port, service.web_port, shown) as visits:
            yield Siege(service, visits, wait_seconds_max)
        if (status := await service.stop()) != 0:
            raise AssertionError(f"the service ended with status {status}: {service.log[-2_000:]}")


def _broken(outcome: Outcome, wait_seconds_max: float) -> list[str]:
    """The promises that the figures break."""
    attack, phases = outcome.attack, (outcome.before, outcome.during, outcome.after)
    broken = [f"was told {said}, {count} times" for said, count in outcome.told.items() if said not in attack.answers]
    for name, phase in zip(("before", "during", "after"), phases, strict=True):
        broken += [f"a well-behaved caller was told {said} {name}, {n} times" for said, n in phase.errors.items()]
        if phase.longest_s > wait_seconds_max:
            broken.append(f"a well-behaved caller waited {phase.longest_s:.1f} s {name}")
        if phase.turned_away:
            broken.append(f"{phase.turned_away} new callers of {phase.newcomers} were not served {name}")
    growth_mb = outcome.memory_mb["peak"] - outcome.memory_mb["before"]
    if growth_mb > MEMORY_GROWTH_MB_MAX:
        broken.append(f"memory grew by {growth_mb:.0f} MB")
    if outcome.log_bytes > LOG_BYTES_MAX:
        broken.append(f"the log grew by {outcome.log_bytes} bytes")
    return broken


def as_plain(outcome: Outcome) -> dict[str, Any]:
    """Everything, for a report."""
    phases = {name: getattr(outcome, name) for name in ("before", "during", "after")}
    return {
        "attack": outcome.attack.name,
        "seconds": round(outcome.seconds, 2),
        "did": outcome.facts,
        "told": outcome.told,
        "memory_mb": outcome.memory_mb,
        "log_bytes": outcome.log_bytes,
        "others": {
            name: {member: getattr(phase, member) for member in Phase.__slots__} for name, phase in phases.items()
        },
        "broken": outcome.broken,
    }


def _allow_many_connections() -> None:
    """Raise the limit of open files for this process and those that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
