"""The clients of four implementations, each a process that reads a plan and prints outcomes."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Final

from verification.interop.building import go_program, grpc_js
from verification.interop.plans import Outcome, Plan, read_outcomes

CALLERS: Final[dict[str, Callable[[], Sequence[str]]]] = {
    "grpcio": lambda: (sys.executable, "-m", "verification.interop.grpcio_caller"),
    "grpclib": lambda: (sys.executable, "-m", "verification.interop.grpclib_caller"),
    "grpc-go": lambda: (str(go_program("grpc-go")),),
    "grpc-js": lambda: ("node", str(grpc_js())),
}
SECONDS_MAX: Final = 240.0


async def said_by(command: Sequence[str], told: str = "") -> str:
    """What a program prints to its standard output. Raises RuntimeError if it fails."""
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            output, errors = await program.communicate(told.encode())
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode:
        raise RuntimeError(f"{command[0]} ended with {program.returncode}: {errors.decode()} {output.decode()}")
    return output.decode()


async def outcomes_of(caller: str, plan: Plan) -> list[tuple[Outcome, ...]]:
    """What came of the plan, for each connection."""
    command = await asyncio.to_thread(CALLERS[caller])
    return read_outcomes(await said_by(command, plan.as_json()))
