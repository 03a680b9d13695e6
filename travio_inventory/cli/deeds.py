"""The command that shows what the house did."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.app.backends import StartFailed, open_view
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.cli.starting import cannot_start
from travio_inventory.client.client import ORGANIZATION_DEFAULT
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.seats.deed import Deed, ended
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.settings import Settings

DEEDS_PER_READ = 1_000
COLUMNS = ("at (UTC)", "who", "what", "about", "outcome")


def show_deeds(
    *,
    month: Annotated[str, Parameter(help="YYYY-MM; by default the present one.")] = "",
    organization: Annotated[
        str, Parameter(env_var="TRAVIO_ORGANIZATION", help="The organization whose house it is.")
    ] = ORGANIZATION_DEFAULT,
    as_json: AsJson = False,
) -> Exit:
    """Show what the house did in a month: who opened, blocked, froze, swapped, cancelled, repaired what, and when; with
    what concerns every organization: tables, replays, dead letters.

    It works on the store that the settings name, not through a service. A deed that only `began` may have been done or
    not: its process died, or the outcome is unknown. With --json one line for each.
    """
    screen = Screen(as_json=as_json)
    try:
        at = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC) if month else datetime.now(UTC)
    except ValueError:
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", f"--month {month}: allowed is YYYY-MM"))
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    try:
        found = asyncio.run(_read(settings, organization, round(at.timestamp() * 1_000)))
    except StartFailed as failed:
        return fail(screen, cannot_start(failed))
    except BackendUnavailable as failed:
        return fail(screen, Failure(Exit.ASK_AGAIN, failed.reason, str(failed)))
    if as_json:
        for deed in found:
            screen.line(deed._asdict())
    else:
        screen.table(COLUMNS, [(_time(deed.at_ms), deed.who, deed.verb, deed.about, deed.outcome) for deed in found])
    return Exit.DONE


async def _read(settings: Settings, organization: str, at_ms: int) -> list[Deed]:
    async with open_view(settings) as store:
        deeds = Deeds(store.batches, SystemClock())
        return ended([deed for whose in (organization, "") async for deed in _of_month(deeds, whose, at_ms)])


async def _of_month(deeds: Deeds, organization: str, at_ms: int) -> AsyncIterator[Deed]:
    """All entries, in the order of time; of "" what concerns every organization."""
    after = ""
    while True:
        some, after = await deeds.of_month(organization, at_ms, after=after, most=DEEDS_PER_READ)
        for deed in some:
            yield deed
        if not after:
            return


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
