"""The commands that replay events to a sink, and show how far the sinks are."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.replaying import SinkBacklog, backlogs, replay
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.cli.starting import cannot_start
from travio_inventory.events.choice import ChosenSink, parse_sink, parse_sinks
from travio_inventory.events.replay import Replayed, ReplayStopped
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.protocol.recorded_events import Wanted
from travio_inventory.settings import Settings

COLUMNS = ("sink", "cursor", "open", "has all before (UTC)", "behind", "events", "set aside")
EVENTS_MAX = 100_000
REFUSED_SHOWN_MAX = 20
STANDARD_INPUT = "-"
GOES_ON = "the same command goes on from here"


def replay_events(
    *,
    from_: Annotated[
        str,
        Parameter(
            name="--from", help="The first moment: 2027-06-01T10:00:00Z, or a day; in UTC unless it says otherwise."
        ),
    ],
    to_sink: Annotated[
        str,
        Parameter(
            env_var="TRAVIO_TO_SINK",
            allow_leading_hyphen=True,
            help="A sink of TRAVIO_EVENTS by its name, or one written as there; - reads it from standard input. A "
            "password in it belongs there, in the variable or in a password_file: others see what is typed.",
        ),
    ],
    to: Annotated[str, Parameter(help="The moment before which to end; by default all.")] = "",
    trip: Annotated[str, Parameter(help="Only the events of this trip.")] = "",
    anew: Annotated[bool, Parameter(negative="", help="Do not go on where the same replay was stopped.")] = False,
    as_json: AsJson = False,
) -> Exit:
    """Publish recorded events to a sink again, beside the service: with the same ids, in order per hold.

    It reads the store that the settings name; relays go on, and their positions stay. Stopped, it goes on when the same
    command is given again. Status 0: all were published; 1: some were refused, or the sink does not work as it is
    written; 3: the store or the sink did not answer.
    """
    screen = Screen(as_json=as_json)
    try:
        wanted = Wanted(_moment_ms("--from", from_), _moment_ms("--to", to) if to else 0, trip)
        if wanted.from_ms > SystemClock().now_ms():
            raise ValueError(f"--from {_time(wanted.from_ms)} UTC is still to come: nothing is recorded of it")
        if wanted.to_ms and wanted.to_ms <= wanted.from_ms:
            raise ValueError("--to: it must be later than --from")
    except ValueError as wrong:
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", str(wrong)))
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    try:
        chosen = _chosen(settings, sys.stdin.readline().strip() if to_sink == STANDARD_INPUT else to_sink)
    except ValueError as wrong:
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", f"--to-sink {wrong}"))
    return _replay(screen, settings, chosen, wanted, anew=anew)


def _replay(screen: Screen, settings: Settings, chosen: ChosenSink, wanted: Wanted, *, anew: bool) -> Exit:
    progress = Screen(out=sys.stderr)

    def told(done: Replayed) -> None:
        share = 100 * done.epochs_read // max(done.epochs, 1)
        progress.over(f"{share} %, {done.published} events to {chosen.name}, the last of {_time(done.at_ms)}")

    try:
        ended = asyncio.run(replay(settings, chosen, wanted, told, anew=anew))
    except StartFailed as failed:
        return fail(screen, cannot_start(failed))
    except ReplayStopped as stopped:
        return fail(screen, Failure(Exit.ASK_AGAIN, "SINK_DOWN", f"{chosen.name}: {stopped}", GOES_ON))
    except (StoreUnavailable, BackendUnavailable) as failed:
        return fail(screen, Failure(Exit.ASK_AGAIN, BackendUnavailable.reason, str(failed), GOES_ON))
    except BlockingIOError:
        return fail(screen, Failure(Exit.ASK_AGAIN, "BUSY", "another process runs the same replay"))
    except (OSError, ValueError) as failed:
        return fail(screen, Failure(Exit.NO, "CANNOT_KEEP_POSITION", str(failed)))
    except KeyboardInterrupt:
        return fail(screen, Failure(Exit.INTERRUPTED, "INTERRUPTED", "interrupted", GOES_ON))
    finally:
        progress.over("")
    _tell(screen, chosen.name, ended)
    return Exit.NO if ended.refused or ended.dead_letters or ended.unreadable else Exit.DONE


def _tell(screen: Screen, sink: str, ended: Replayed) -> None:
    if screen.as_json:
        counts = {"sink": sink, "published": ended.published, "unreadable": ended.unreadable}
        screen.line({**counts, "dead_letters": ended.dead_letters, "refused": ended.refused})
        return
    screen.say(f"{ended.published} events published to {sink}", "green")
    if ended.dead_letters:
        letters = f"`travio-inventory events dead-letters --of {sink}`"
        screen.say(f"{ended.dead_letters} refused for good: see {letters}", "red")
    for why in [*ended.refused.values()][:REFUSED_SHOWN_MAX]:
        screen.say(f"refused, with what follows of its hold: {why}", "red")
    if (more := len(ended.refused) - REFUSED_SHOWN_MAX) > 0:
        screen.say(f"and of {more} more holds", "red")
    if ended.unreadable:
        screen.say(f"{ended.unreadable} rows hold no event that this release can read", "red")


def lag(
    *,
    count_max: Annotated[
        int, Parameter(help="Count no more events than these.", validator=Number(gte=0, lte=10_000_000))
    ] = EVENTS_MAX,
    as_json: AsJson = False,
) -> Exit:
    """Show how far each sink is, by what is stored: also while no relay runs.

    The journal is cut into epochs of a minute or more. A sink has every event of the epochs before its cursor; `behind`
    are those that it lacks, but for the last minutes, in which late events are still looked for. `events` are the ones
    recorded in them. What was set aside is of earlier epochs, and counts for some minutes after it was published. With
    --json one line for each sink.
    """
    screen = Screen(as_json=as_json)
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    if not parse_sinks(settings.events.sinks):
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", "TRAVIO_EVENTS has no sink"))
    try:
        found = asyncio.run(_backlogs(settings, count_max))
    except StartFailed as failed:
        return fail(screen, cannot_start(failed))
    except StoreUnavailable as failed:
        return fail(screen, Failure(Exit.ASK_AGAIN, "BACKEND_UNAVAILABLE", str(failed)))
    if as_json:
        for name, backlog in found:
            screen.line({"sink": name, **backlog._asdict()})
    else:
        screen.table(COLUMNS, [_row(each) for each in found])
    return Exit.DONE


async def _backlogs(settings: Settings, count_max: int) -> list[SinkBacklog]:
    async with backlogs(settings, events_max=count_max) as found:
        return [*found]


def _row(each: SinkBacklog) -> tuple[str, ...]:
    cursor, newest, reached_ms, behind, events, is_more, carried = each.backlog
    counted = f"{events} or more" if is_more else str(events)
    return (each.sink, str(cursor or "none"), str(newest), _time(reached_ms), f"{behind} epochs", counted, str(carried))


def _chosen(settings: Settings, text: str) -> ChosenSink:
    """The sink of that name, or the one that is written. Raises ValueError."""
    named = {chosen.name: chosen for chosen in parse_sinks(settings.events.sinks)}
    if text in named:
        return named[text]
    if ":" not in text:
        raise ValueError(f"names no sink of TRAVIO_EVENTS, which has {', '.join(named) or 'none'}")
    return parse_sink(text)


def _moment_ms(option: str, text: str) -> int:
    """The moment; without an offset it is in UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{option} {text}: write a moment as 2027-06-01T10:00:00Z, or a day") from None
    at_ms = round(at.timestamp() * 1_000)
    if at_ms <= 0:
        raise ValueError(f"{option} {text}: it must be after 1970")
    return at_ms


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}" if at_ms else "-"
