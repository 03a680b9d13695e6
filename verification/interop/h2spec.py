"""The conformance test h2spec, strict, against a service: how many cases there are, and which fail."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from verification.interop.building import go_program

SECONDS_MAX: Final = 300.0
NO_CALLS: Final = frozenset({"http2/5.1.2 1"})
"""It wants what is no call to count among calls."""


@dataclass(frozen=True)
class Verdict:
    """What h2spec says of a server."""

    cases: int
    skipped: int
    failed: frozenset[str]
    """Sections, each with the number of the case in it."""

    @property
    def passed(self) -> int:
        """All others."""
        return self.cases - self.skipped - len(self.failed)


async def judged(port: int, folder: Path) -> Verdict:
    """Run it against the port of this machine; its report goes into the folder. Raises TimeoutError."""
    h2spec = await asyncio.to_thread(go_program, "h2spec")
    report = folder / "h2spec.xml"
    command = [str(h2spec), "-h", "127.0.0.1", "-p", str(port), "--strict", "-j", str(report)]
    silent = asyncio.subprocess.DEVNULL
    program = await asyncio.create_subprocess_exec(*command, stdout=silent)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await program.wait()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    return read_report(report.read_text())


def read_report(text: str) -> Verdict:
    """The verdict in a report in JUnit's format."""
    verdicts: dict[str, str] = {}
    for section in ET.fromstring(text).iter("testsuite"):  # noqa: S314 - written by h2spec on this machine
        for number, case in enumerate(section.iter("testcase"), 1):
            ill = case.find("failure") is not None or case.find("error") is not None
            verdict = "failed" if ill else "passed" if case.find("skipped") is None else "skipped"
            verdicts[f"{case.get('package')} {number}"] = verdict
    failed = frozenset(case for case, verdict in verdicts.items() if verdict == "failed")
    return Verdict(len(verdicts), list(verdicts.values()).count("skipped"), failed)
