"""The command that lists every setting as it stands, secrets masked."""

from travio_inventory.cli.exits import Exit
from travio_inventory.cli.reach import AsJson
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.settings import listed


def show_settings(*, as_json: AsJson = False) -> Exit:
    """List every setting: its value, where that comes from, what is allowed. Secrets are masked."""
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    screen = Screen(as_json=as_json)
    rows = listed(settings)

    def show() -> None:
        screen.table(["setting", "value", "from"], [[row.name, row.value or "-", row.source] for row in rows])

    screen.answer([row._asdict() for row in rows], show)
    return Exit.DONE
