"""The command that lists and explains every setting, secrets masked."""

from collections.abc import Iterator
from textwrap import wrap

from travio_inventory.cli.connection_options import AsJson
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen, printable
from travio_inventory.cli.server import settings_or_none
from travio_inventory.settings import Setting, listed

INDENT = "    "


def show_settings(*, as_json: AsJson = False) -> Exit:
    """List every setting: its value and source, what it does, what is allowed. Secrets are masked."""
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    screen = Screen(as_json=as_json)
    rows = listed(settings)

    def show() -> None:
        for row in rows:
            screen.draw([[(row.name, "bold"), (f" = {printable(row.value or '-')}  ({row.source})", "")]])
            screen.draw([[(line, "dim")] for line in _explained(row, screen.width)])

    screen.answer({"settings": [row._asdict() for row in rows]}, show)
    return Exit.DONE


def _explained(row: Setting, width: int) -> Iterator[str]:
    """The setting's description and allowed values, on lines of at most `width` characters."""
    default = f"default {row.default}" if row.default and row.source != "default" else ""
    also = f"also read as {row.also}" if row.also else ""
    takes = "; ".join(said for said in (row.allowed, default, also) if said)
    for said in (f"in effect: {row.in_effect}" if row.in_effect else "", row.description, takes):
        yield from wrap(said, width, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
