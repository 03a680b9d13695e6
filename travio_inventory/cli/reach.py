"""The options that all commands share, and the one way in which a command asks the service."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from travio_inventory.addresses import Address, parse_address
from travio_inventory.cli.exits import Exit, Failure, failure_of, failure_of_error, no_service
from travio_inventory.cli.screen import Screen, printable
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.refusals import ClientError
from travio_inventory.domain.errors import AskAgain, Refusal

PORT_DEFAULT = 9083
PROBE_SECONDS_MAX = 1.0
SHARED = Group("Shared options", sort_key=100)

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Answer in JSON.", group=SHARED)]
Work = Callable[[InventoryClient, Screen], Awaitable[None]]


@Parameter(name="*", group=SHARED)
@dataclass(frozen=True, slots=True)
class Reach:
    """Where the service is and on whose behalf it is asked."""

    target: Annotated[str, Parameter(env_var="TRAVIO_TARGET", help="HOST:PORT of the service.")] = "localhost:9083"
    organization: Annotated[
        str, Parameter(env_var="TRAVIO_ORGANIZATION", help="The organization that runs the trip.")
    ] = "demo"
    user: Annotated[str, Parameter(env_var="TRAVIO_USER", help="Who holds and books.")] = "me"
    as_json: AsJson = False


HERE = Reach()


def ask(reach: Reach, work: Work) -> Exit:
    """Run `work` with a client that is open; a refusal or a missing service becomes one line and a status."""
    screen = Screen(as_json=reach.as_json)

    async def run() -> None:
        async with InventoryClient(reach.target, organization=reach.organization, user=reach.user) as client:
            await work(client, screen)

    address = address_of(reach.target)
    if address is None:
        said = f"--target must be HOST:PORT, not {reach.target!r}"
        return fail(screen, Failure(Exit.WRONG, "BAD_TARGET", said))
    try:
        asyncio.run(run())
    except AskAgain as refusal:
        gone = not _listens(address)
        return fail(screen, no_service(reach.target) if gone else failure_of(refusal))
    except Refusal as refusal:
        return fail(screen, failure_of(refusal))
    except ClientError as failed:
        return fail(screen, failure_of_error(failed))
    return Exit.DONE


def fail(screen: Screen, failure: Failure) -> Exit:
    """Say why, on standard error, and in JSON on standard output where that was asked for."""
    sys.stderr.write(printable(failure.line) + "\n")
    if screen.as_json:
        words = {"reason": failure.reason, "message": failure.message, "advice": failure.advice}
        screen.answer({"error": {**words, "exit_status": int(failure.status)}}, lambda: None)
    return failure.status


def address_of(target: str) -> Address | None:
    """Host and port, None where the target names neither."""
    try:
        return parse_address(target, port_default=PORT_DEFAULT)
    except ValueError:
        return None


def _listens(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=PROBE_SECONDS_MAX):
            return True
    except OSError:
        return False
