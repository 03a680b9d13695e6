"""How processes of one service tell each other their figures: a UNIX socket each, asked when somebody scrapes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.telemetry.meters import Snapshot

log = logging.getLogger(__name__)

ANSWER_SECONDS_MAX: Final = 1.0
ANSWER_BYTES_MAX: Final = 16_777_216


class ProcessTold(NamedTuple):
    """What a process says of itself: its figures, and what keeps it from being ready, a line for each part."""

    snapshot: Snapshot
    problems: Mapping[str, str]


@asynccontextmanager
async def telling(path: Path, told: Callable[[], ProcessTold]) -> AsyncIterator[None]:
    """Answer at that socket while the block lasts: whoever connects is told everything, and then the connection ends.
    A socket that is left over there is replaced. Raises OSError.
    """

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                writer.write(json.dumps(told()).encode())
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    try:
        yield
    finally:
        server.close()


async def asked(path: Path) -> ProcessTold | None:
    """What the process at that socket says; None if it does not in time."""
    writer = None
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            reader, writer = await asyncio.open_unix_connection(path)
            snapshot, problems = json.loads(await _all(reader))
            return ProcessTold(snapshot, problems)
    except (OSError, TimeoutError, ValueError) as failed:
        log.debug("no figures from %s: %s", path.name, error_in_words(failed))
        return None
    finally:
        if writer is not None:
            writer.close()


async def _all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end. Raises ValueError where it is too much."""
    read = bytearray()
    while part := await reader.read(65_536):
        read += part
        if len(read) > ANSWER_BYTES_MAX:
            raise ValueError(f"more than {ANSWER_BYTES_MAX} bytes")
    return bytes(read)
