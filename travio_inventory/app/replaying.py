"""Replays to a sink beside a running service, from where it was stopped; and says how far each sink is."""

import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from travio_inventory.app.backends import open_guest, open_view
from travio_inventory.app.dead_letters import dead_letters_of
from travio_inventory.app.deeds import deeds_of, one_deed, operator_here
from travio_inventory.app.service import rules_of
from travio_inventory.app.sinks import open_sink
from travio_inventory.events.choice import ChosenSink, parse_sinks
from travio_inventory.events.replay import Replay, Replayed
from travio_inventory.events.shapes.moments import moment
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.backlog import Backlog, backlog_of
from travio_inventory.protocol.recorded_events import Position, Wanted, recorded_events
from travio_inventory.settings import Settings

FOLDER = "replays"
"""In the data folder: a file for each replay that is not finished."""
DIGEST_LENGTH = 12
DOWN_S_MAX = 60.0
SAVE_EVERY = 10_000
"""So many more events are published again at most by a replay that goes on."""


class Progress:
    """Where an unfinished replay is, in a file that is replaced as a whole."""

    def __init__(self, folder: Path, chosen: ChosenSink, wanted: Wanted) -> None:
        what = json.dumps([chosen.target.place, chosen.shape, *wanted])
        digest = sha256(what.encode()).hexdigest()[:DIGEST_LENGTH]
        self.path = folder / FOLDER / f"{chosen.name}-{digest}.json"

    def read(self) -> Position:
        """Where to go on; at the beginning if nothing is kept. Raises OSError, ValueError."""
        try:
            found = json.loads(self.path.read_text())
        except FileNotFoundError:
            return Position()
        try:
            return Position(int(found["epoch"]), str(found["entry"]), str(found["row_id"]))
        except (KeyError, TypeError) as wrong:
            raise ValueError(f"{self.path} is no position of a replay") from wrong

    def write(self, position: Position) -> None:
        """Go on from there. Raises OSError."""
        new = self.path.with_suffix(".new")
        with new.open("w") as file:
            file.write(json.dumps(position._asdict()))
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.path)

    def end(self) -> None:
        """It is finished."""
        self.path.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises OSError; BlockingIOError while another process runs the same replay."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".running").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
            with suppress(FileNotFoundError):
                Path(file.name).unlink()


async def replay(
    settings: Settings, chosen: ChosenSink, wanted: Wanted, told: Callable[[Replayed], None], *, anew: bool
) -> Replayed:
    """Publish the events to the sink, in a line of its own: relays and their positions are not touched. Goes on where
    the same replay was stopped, unless `anew`. It is a deed of the house. Raises StartFailed, ReplayStopped,
    StoreUnavailable, BackendUnavailable, OSError.
    """
    progress = Progress(settings.store.data, chosen, wanted)
    with progress.alone():
        if anew:
            progress.end()
        after, kept_s, clock = progress.read(), _kept_s(settings), SystemClock()
        async with (
            open_guest(settings) as store,
            open_sink(chosen, settings.store.data, letters := dead_letters_of(settings, store)) as sink,
            one_deed(deeds_of(settings, store), operator_here(), "replay events", _about(chosen, wanted)) as ending,
        ):
            pieces = recorded_events(store.batches, clock, wanted, kept_s=kept_s, after=after)
            running = Replay(pieces, sink, down_s_max=DOWN_S_MAX, letters=letters)
            saved = 0

            def tell(done: Replayed) -> None:
                nonlocal saved
                if (sent := done.published + done.dead_letters) - saved >= SAVE_EVERY:
                    progress.write(done.position)
                    saved = sent
                told(done)

            try:
                await running.run(tell)
            except BaseException:
                if running.replayed.position.epoch:
                    progress.write(running.replayed.position)
                ending.stopped = f"stopped, {running.replayed.published} published"
                raise
            refused = len(running.replayed.refused) + running.replayed.dead_letters
            ending.outcome = f"{running.replayed.published} published, {refused} refused"
        progress.end()
        return running.replayed


def _about(chosen: ChosenSink, wanted: Wanted) -> str:
    """What happened when, and of which trip; and to where, which has no secret."""
    times = "..".join(moment(at_ms) if at_ms else "" for at_ms in (wanted.from_ms, wanted.to_ms))
    return " ".join(filter(None, (times, wanted.partition_key, f"to {chosen.name}: {chosen.target.place}")))


class SinkBacklog(NamedTuple):
    """How far a sink is."""

    sink: str
    backlog: Backlog


@asynccontextmanager
async def backlogs(settings: Settings, *, events_max: int) -> AsyncIterator[Sequence[SinkBacklog]]:
    """Of each sink in the settings. Raises StartFailed, StoreUnavailable."""
    async with open_view(settings) as store:
        kept_s, clock = _kept_s(settings), SystemClock()
        yield [
            SinkBacklog(name, await backlog_of(store.batches, clock, name, kept_s=kept_s, events_max=events_max))
            for name, _ in parse_sinks(settings.events.sinks)
        ]


def _kept_s(settings: Settings) -> int:
    return rules_of(settings).protocol.retention.events_s
