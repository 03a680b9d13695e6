"""Programs that a test starts: they end with its block, whatever becomes of it, and a failure tells what they said."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from tempfile import TemporaryFile
from typing import AnyStr

CHARS_SHOWN_MAX = 4_000


@contextmanager
def ended(process: "subprocess.Popen[AnyStr]") -> "Iterator[subprocess.Popen[AnyStr]]":
    """The process while the block lasts; killed in the end if it still runs."""
    with process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def child(
    words: Sequence[str], environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program while the block lasts, its standard output in a pipe. If the block fails, what the program wrote is
    told with the failure; it and all that it started are killed unless it has ended well by then.
    """
    with TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *words,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            yield process
        except BaseException as failed:
            status = process.returncode
            said = getattr(failed, "partial", b"") + await _killed(process)
            errors.seek(0)
            for name, text in (("output", said), ("errors", errors.read())):
                failed.add_note(f"{name} of {words[-1]}, status {status}:\n{text.decode()[-CHARS_SHOWN_MAX:]}")
            raise
        finally:
            if process.returncode is None:
                await _killed(process)


async def _killed(process: asyncio.subprocess.Process) -> bytes:
    """Kill the process and what it started; the rest of its output."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    output, _ = await process.communicate()
    return output
