"""What a command says that works on the store itself, where that cannot be opened."""

from travio_inventory.app.backends import NotReached, StartFailed
from travio_inventory.cli.exits import Exit, Failure


def cannot_start(failed: StartFailed) -> Failure:
    """A store that does not answer may answer later; what it says no to, or what is wrong with it, stays so."""
    if isinstance(failed, NotReached):
        return Failure(Exit.ASK_AGAIN, "NOT_REACHED", str(failed))
    return Failure(Exit.NO, "CANNOT_START", str(failed))
