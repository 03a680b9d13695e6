"""Says which extra to install where a library is missing that the settings ask for."""

from collections.abc import Iterator
from contextlib import contextmanager

from travio_inventory.app.backends import StartFailed


@contextmanager
def extra(name: str, asked: str) -> Iterator[None]:
    """Imports of what this extra of the package installs, for what was `asked`. Raises StartFailed."""
    try:
        yield
    except ImportError as missing:
        install = f"pip install 'travio-inventory[{name}]'"  # in quotes, which zsh needs
        raise StartFailed(f"{asked}: {missing.name or missing} is not installed: {install}") from missing
