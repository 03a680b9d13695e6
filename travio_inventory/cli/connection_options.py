"""The options that all commands share, and the one way in which a command calls the service."""

import asyncio
import os
import shlex
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter, Token

from travio_inventory.cli.exits import Exit, Failed, Failure, failure_of, failure_of_error, not_reached
from travio_inventory.cli.screen import Screen, printable
from travio_inventory.client.client import ORGANIZATION_DEFAULT, InventoryClient
from travio_inventory.client.connection import DEADLINE_S_DEFAULT, WHOLE_TRIP_S_DEFAULT
from travio_inventory.client.refusals import ClientError
from travio_inventory.client.tokens import as_header
from travio_inventory.client.unreachable import NoService, NoTls
from travio_inventory.kernel.addresses import Address, parse_address
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal

PORT_DEFAULT = 9083
SWITCHES = {"on": True, "1": True, "true": True, "yes": True, "off": False, "0": False, "false": False, "no": False}
SHARED = Group("Shared options", sort_key=100)


def _on_or_off(_kind: type[bool], tokens: Sequence[Token]) -> bool:
    """A flag, or a variable with the same values as the service's settings."""
    said = tokens[0].value.lower()
    if said not in {"", *SWITCHES}:
        raise ValueError(f"must be on or off, not {said!r}")
    return SWITCHES.get(said, True)


AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.", group=SHARED)]
Tls = Annotated[
    bool,
    Parameter(
        env_var="TRAVIO_TARGET_TLS",
        converter=_on_or_off,
        negative="",
        help="Use TLS; --ca-file implies it.",
        group=SHARED,
    ),
]
CaFile = Annotated[
    Path | None,
    Parameter(
        env_var="TRAVIO_TARGET_CA_FILE",
        help="CA certificate that signed the service's (PEM); by default the system's.",
        group=SHARED,
    ),
]
TokenFile = Annotated[
    Path | None,
    Parameter(
        env_var="TRAVIO_TOKEN_FILE",
        help="File with the token that says who calls; without it TRAVIO_TOKEN may have one.",
        group=SHARED,
    ),
]
Work = Callable[[InventoryClient, Screen], Awaitable[None]]


@Parameter(name="*", group=SHARED)
@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Where the service is, and for which user the command calls it."""

    target: Annotated[str, Parameter(env_var="TRAVIO_TARGET", help="HOST:PORT of the service.")] = "localhost:9083"
    organization: Annotated[
        str, Parameter(env_var="TRAVIO_ORGANIZATION", help="The organization whose trips and stock it is.")
    ] = ORGANIZATION_DEFAULT
    user: Annotated[str, Parameter(env_var="TRAVIO_USER", help="The user who does it.")] = "me"
    tls: Tls = False
    ca_file: CaFile = None
    token_file: TokenFile = None
    as_json: AsJson = False


HERE = ConnectionOptions()


WHOLE_TRIP_S = WHOLE_TRIP_S_DEFAULT
"""The deadline of a call about all seats of a trip."""


def ask(reach: ConnectionOptions, work: Work, *, again: str = "", deadline_s: float = DEADLINE_S_DEFAULT) -> Exit:
    """Run `work` with an open client, whose calls have that deadline; a refusal, Failed or a missing service is one
    line and a status. `again` is what the command needs so that a repetition is the same request.
    """
    screen = Screen(as_json=reach.as_json)
    try:
        address, tls = address_of(reach.target), tls_of(tls=reach.tls, ca_file=reach.ca_file)
        token = token_of(reach.token_file)
    except WrongConnectionOptions as wrong:
        return fail(screen, wrong.failure)

    async def run() -> None:
        whose, user = account_of(reach, has_token=bool(token))
        async with InventoryClient(
            str(address), organization=whose, user=user, token=token, tls=tls, deadline_s=deadline_s
        ) as client:
            await work(client, screen)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        interrupted = Failure(Exit.INTERRUPTED, "INTERRUPTED", "interrupted, and the outcome is unknown")
        return fail(screen, interrupted._replace(advice=_same_again(again)))
    except (NoService, NoTls) as gone:
        return fail(screen, not_reached(gone, with_tls=tls is not None))
    except OutcomeUnknown as unknown:
        return fail(screen, failure_of(unknown)._replace(advice=_same_again(again)))
    except Refusal as refusal:
        return fail(screen, failure_of(refusal))
    except ClientError as error:
        return fail(screen, failure_of_error(error))
    except Failed as failed:
        return fail(screen, failed.failure)
    return Exit.DONE


def fail(screen: Screen, failure: Failure) -> Exit:
    """Print the reason on standard error, and with --json as a line of JSON on standard output, after other lines or
    where there is no answer.
    """
    sys.stderr.write(printable(failure.line) + "\n")
    if screen.as_json and not screen.has_answered:
        words = {"reason": failure.reason, "message": failure.message, "advice": failure.advice}
        screen.line({"error": {**words, "exit_status": int(failure.status)}})
    return failure.status


def _same_again(again: str) -> str:
    return f"run the same command again {again}".rstrip()


class WrongConnectionOptions(Exception):
    """An option for reaching the service is wrong."""

    def __init__(self, reason: str, said: str) -> None:
        super().__init__(said)
        self.failure = Failure(Exit.WRONG, reason, said)


def address_of(target: str) -> Address:
    """Host and port. Raises WrongReach."""
    try:
        return parse_address(target, port_default=PORT_DEFAULT)
    except ValueError:
        raise WrongConnectionOptions(
            "BAD_TARGET", f"--target (TRAVIO_TARGET) must be HOST:PORT, not {target!r}"
        ) from None


def place_of(name: str, target: str) -> Address | tuple[str, ...]:
    """Where a service is, or the words of the command that starts it. Raises WrongConnectionOptions."""
    try:
        words = tuple(shlex.split(target))
        return words if len(words) > 1 else parse_address(target, port_default=PORT_DEFAULT)
    except ValueError:
        said = f"{name} must be HOST:PORT, or a command in quotes, not {target!r}"
        raise WrongConnectionOptions("BAD_TARGET", said) from None


def account_of(reach: ConnectionOptions, *, has_token: bool) -> tuple[str, str]:
    """The organization and the user of a command; what is not named, the token says."""
    if not has_token:
        return reach.organization, reach.user
    return (
        "" if reach.organization == HERE.organization else reach.organization,
        "" if reach.user == HERE.user else reach.user,
    )


def token_of(file: Path | None) -> str:
    """The token, "" if there is none. Raises WrongConnectionOptions."""
    if file is None:
        said = os.environ.get("TRAVIO_TOKEN", "").strip()
        return _as_header(said, "TRAVIO_TOKEN", "BAD_TOKEN") if said else ""
    try:
        token = file.read_text()
    except (OSError, ValueError) as failed:
        why = failed.strerror if isinstance(failed, OSError) else "is no text"
        may_be_the_token = "/" not in str(file) and not os.path.exists(file)  # noqa: PTH110 - Path raises for a long name
        named = "takes a path; what was given may be the token and is not shown" if may_be_the_token else file
        raise WrongConnectionOptions("BAD_TOKEN_FILE", f"--token-file {named}: {why}") from None
    return _as_header(token, f"--token-file {file}:", "BAD_TOKEN_FILE")


def _as_header(token: str, named: str, code: str) -> str:
    """The token of what is named so. Raises WrongConnectionOptions."""
    try:
        return as_header(token, named)
    except ValueError as wrong:
        raise WrongConnectionOptions(code, str(wrong)) from None


def tls_of(*, tls: bool, ca_file: Path | None) -> ssl.SSLContext | None:
    """The TLS context for the service, None for plaintext. Raises WrongReach."""
    if not tls and ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as failed:
        why = "contains no certificate" if isinstance(failed, ssl.SSLError) else failed.strerror
        raise WrongConnectionOptions("BAD_CA_FILE", f"--ca-file {ca_file}: {why}") from None
    context.set_alpn_protocols(["h2"])
    return context
