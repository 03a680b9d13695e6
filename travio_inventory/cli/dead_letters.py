"""The command that lists what webhooks refused for good, and sends it again."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.sinks import SentAgain, letters_of, send_again
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.events.choice import parse_sinks
from travio_inventory.events.sinks.dead_letters import letter_of
from travio_inventory.events.targets.webhook import WebhookUrl

COLUMNS = ("at (UTC)", "sink", "status", "event", "id", "answer")
UNREADABLE = "no dead letter"


def dead_letters(
    *,
    sink: Annotated[str, Parameter(help="The name of the webhook; by default all of them.")] = "",
    send: Annotated[bool, Parameter(negative="", help="Send them again; what is refused again stays.")] = False,
    as_json: AsJson = False,
) -> Exit:
    """List the events that webhooks refused for good, or send them again: late, so out of order; `ordinal` tells.

    They are in the data folder of the process that relays, one line for each. Status 0: with --send nothing is left;
    1: some were refused again; 3: the receiver did not answer, and the rest is left.
    """
    screen = Screen(as_json=as_json)
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    sinks = parse_sinks(settings.events.sinks)
    chosen = {name: target for name, target in sinks if isinstance(target, WebhookUrl) and sink in ("", name)}
    if not chosen:
        said = f"TRAVIO_EVENTS has no webhook{f' named {sink}' if sink else ''}"
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", said))
    folder = settings.store.data
    try:
        return _send(screen, chosen, folder) if send else _show(screen, chosen, folder)
    except StartFailed as failed:
        return fail(screen, Failure(Exit.NO, "CANNOT_START", str(failed)))
    except BlockingIOError:
        return fail(screen, Failure(Exit.ASK_AGAIN, "BUSY", "another process sends these dead letters again"))
    except OSError as failed:
        return fail(screen, Failure(Exit.NO, "CANNOT_READ", f"{failed.filename}: {failed.strerror or failed}"))


def _show(screen: Screen, chosen: Mapping[str, WebhookUrl], folder: Path) -> Exit:
    lines = [(name, line) for name in chosen for line in letters_of(name, folder).read()]
    if screen.as_json:
        for _, line in lines:
            screen.raw(line.rstrip("\n"))
    else:
        screen.table(COLUMNS, [_row(name, line) for name, line in lines])
    return Exit.DONE


def _row(sink: str, line: str) -> tuple[str, ...]:
    try:
        event, at_ms, status, answer = letter_of(line)
    except (ValueError, KeyError, TypeError):
        return ("", sink, "", UNREADABLE, "", line)
    at = f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
    return (at, sink, str(status), event.type, event.id, answer)


def _send(screen: Screen, chosen: Mapping[str, WebhookUrl], folder: Path) -> Exit:
    status = Exit.DONE
    for name, target in chosen.items():
        ended = asyncio.run(send_again(name, target, folder))
        _tell(screen, name, ended)
        status = max(status, Exit.ASK_AGAIN if ended.why else Exit.NO if ended.left else Exit.DONE)
    return status


def _tell(screen: Screen, sink: str, ended: SentAgain) -> None:
    if screen.as_json:
        screen.line({"sink": sink, **ended._asdict()})
        return
    why = f": {ended.why}" if ended.why else ""
    screen.say(f"{sink}: {ended.sent} sent again, {ended.left} left{why}")
