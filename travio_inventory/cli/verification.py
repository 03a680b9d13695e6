"""The command that verifies an operator's own cluster and Redis."""

import asyncio
import signal
from contextlib import aclosing
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.verifying import Kept, TrialLeft, Verdict, verify_edge, verify_store
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.settings import Settings

STYLES = {Kept.YES: "green", Kept.NO: "red", Kept.UNSURE: "yellow", Kept.FIGURE: ""}
COPIES_DEFAULT = 3
COPIES_MAX = 100


def verify(
    *,
    replication: Annotated[
        int, Parameter(help="Copies of each row in the keyspace of the trial.", validator=Number(gte=1, lte=COPIES_MAX))
    ] = COPIES_DEFAULT,
    as_json: AsJson = False,
) -> Exit:
    """Hold the cluster at SCYLLA_HOSTS and the Redis at REDIS_ADDR to what the service rests on, promise by promise.

    The cluster is tried in a keyspace made for that (the name of TRAVIO_SCYLLA_KEYSPACE with _verify), which must not
    have anything in it and is dropped in the end, also after Ctrl-C; Redis under keys that lapse. What has no definite
    answer breaks no promise: it is tried once more, and then told as not checked. Status 0: all is kept; 1: something
    is broken; 2: that keyspace has something in it, or a setting is wrong; 3: nothing is broken, but something could
    not be checked; 130: it was interrupted.
    """
    screen = Screen(as_json=as_json)
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    if settings.store.kind != "scylla" and settings.edge.kind != "redis":
        said = "there is nothing to verify: name a cluster in SCYLLA_HOSTS, a Redis in REDIS_ADDR"
        return fail(screen, Failure(Exit.WRONG, "NOTHING_TO_VERIFY", said))
    try:
        return asyncio.run(_verify(screen, settings, replication=replication))
    except StartFailed as failed:
        return fail(screen, Failure(Exit.WRONG, "NOT_VERIFIED", str(failed)))
    except TrialLeft as left:
        return fail(screen, Failure(Exit.INTERRUPTED, "INTERRUPTED", f"interrupted, and {left}"))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return fail(screen, Failure(Exit.INTERRUPTED, "INTERRUPTED", "interrupted"))


def _end_at_sigterm() -> None:
    """End in order at the first SIGTERM, as at Ctrl-C; a second one kills."""
    loop, running = asyncio.get_running_loop(), asyncio.current_task()

    def end() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        if running is not None:
            running.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)


async def _verify(screen: Screen, settings: Settings, *, replication: int) -> Exit:
    found: set[Kept] = set()
    _end_at_sigterm()

    def tell(verdict: Verdict) -> None:
        found.add(verdict.kept)
        if screen.as_json:
            screen.line(verdict._asdict() | {"kept": str(verdict.kept)})
            return
        because = f": {verdict.why}" if verdict.why else ""
        screen.say(f"{verdict.kept:12}{verdict.part:7}{verdict.says}{because}", STYLES[verdict.kept])

    if settings.store.kind == "scylla":
        async with aclosing(verify_store(settings, replication=replication)) as verdicts:
            async for verdict in verdicts:
                tell(verdict)
    if settings.edge.kind == "redis":
        async for verdict in verify_edge(settings):
            tell(verdict)
    if Kept.NO in found:
        return Exit.NO
    return Exit.ASK_AGAIN if Kept.UNSURE in found else Exit.DONE
