"""Whether the cluster is what the service needs: checked before the start, and every minute while it runs."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from cassandra.cluster import Session

from travio_inventory.store.scylla import agreements, clocks, schema
from travio_inventory.store.scylla.connecting import ScyllaOptions
from travio_inventory.store.scylla.failures import cause
from travio_inventory.store.scylla.placement import KeyspaceProblem

LOOK_EVERY_S = 60.0

_log = logging.getLogger(__name__)


def check_start(session: Session, options: ScyllaOptions) -> Mapping[str, str]:
    """What all processes have agreed on. Raises KeyspaceProblem, with one line that says what to do; blocks."""
    agreed = schema.check(session, options)
    clocks.check(session)
    return agreed


async def go_on(
    session: Session,
    options: ScyllaOptions,
    agreed: Mapping[str, str],
    bar: Callable[[str], None],
    note: Callable[[str], None],
    *,
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Log a problem when it begins and when it ends, and `note` what makes the keyspace unfit ("" = nothing). Runs
    until cancelled, or until other copies decide than at the start: then `bar` the store, until a start with the right
    settings.
    """
    said: Mapping[str, str] = {}
    while True:
        try:
            unfit, others = await asyncio.to_thread(_look, session, options, agreed[agreements.SERIAL])
        except agreements.ScopeDiffers as differs:
            bar(str(differs))
            _log.critical("nothing is sold here until a start with other settings: %s", differs)
            return
        except Exception as failed:  # noqa: BLE001 - servers that cannot be asked are told of elsewhere
            _log.debug("cannot check keyspace %s: %s", options.keyspace, cause(failed))
        else:
            note("; ".join(unfit.values()))
            wrong = {**unfit, **others}
            for kind in wrong.keys() - said.keys():
                _log.error("%s", wrong[kind])
            for kind in said.keys() - wrong.keys():
                _log.info("no longer so: %s", said[kind])
            said = wrong
        await asyncio.sleep(every_s)


def _look(session: Session, options: ScyllaOptions, scope: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The present problems, one line for each kind: those that make the keyspace unfit, and others. Raises
    ScopeDiffers, whatever else is wrong.
    """
    agreements.check(options.keyspace, scope, agreements.recorded(session, options.keyspace))
    unfit: dict[str, str] = {}
    others: dict[str, str] = {}
    try:
        agreed = schema.check(session, options)
    except agreements.ScopeDiffers:
        raise
    except KeyspaceProblem as problem:
        unfit[type(problem).__name__] = str(problem)
    else:
        others |= agreements.differences(options, agreed)
    ahead_ms = clocks.apart_ms(session)
    if abs(ahead_ms) > options.clock_bound_ms:
        others["clock"] = f"{clocks.in_words(ahead_ms)}: holds may end early or late; set it by NTP"
    return unfit, others
