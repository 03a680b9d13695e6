"""Runs one load test from start to verdict: `python -m load_test hot-seat`."""

import asyncio
import os
import shutil
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from load_test import verdict
from load_test.record import RECORD_FILE
from travio_inventory.bench.own_server import FOR_ANYBODY, HOST, PORT, OwnServer, ServerFailed
from travio_inventory.settings import SettingsError, load_settings

STOP_SECONDS_MAX = 15
LOCUST_SECONDS_MAX = 60
"""What Locust may take besides the run itself, to start and to write its report."""
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
ROOT = Path(__file__).parent.parent
SERVE = [sys.executable, "-m", "travio_inventory.cli", "serve"]


class Scenario(NamedTuple):
    """A load test: its file for Locust, and what it does unless told otherwise."""

    file: str
    users: int
    seconds: int


SCENARIOS = {
    "hot-seat": Scenario("hot_seat.py", users=50, seconds=20),
    "flash-sale": Scenario("flash_sale.py", users=200, seconds=60),
    "mixed": Scenario("mixed.py", users=100, seconds=120),
}
HELP = f"""\
scenarios:
  hot-seat    round after round, all users ask at the same moment for seat-A1 of a new trip over four segments:
              exactly one may win each round, all others must be told "contention"          (50 users, 20 s)
  flash-sale  ramp, spike and tail: everyone wants the front seats of one train; most confirm, some release, some
              let their hold lapse                                                         (200 users, 60 s)
  mixed       three in four look at seat maps and availability, the rest buy some journey and confirm, release or
              forget it; a new train goes on sale every minute                             (100 users, 120 s)

Without --target a service of its own is started, on a free port and an empty data folder among the results; other
settings are taken from the environment (TRAVIO_EDGE=absent shows the store without the edge, TRAVIO_STORE=scylla and
SCYLLA_HOSTS the distributed store). With --target the service is yours: its store is read as TRAVIO_DATA, or
TRAVIO_STORE and SCYLLA_HOSTS, say. An embedded store can only be judged after its service has stopped.

In Locust's figures a refusal is neither a success nor a failure of the system: "HoldSeats won", "HoldSeats contention"
and "HoldSeats unavailable" are counted apart, and failures are only what the system failed to answer.

results, in a new folder below --out:
  report.html, stats_*.csv   Locust's report and figures
  {RECORD_FILE}               what every user asked for and was told; `python -m load_test.verdict FOLDER` judges it
  service.log, data/         of the service that was started here

exit status: 0 all is right; 1 the verdict is wrong, or calls failed; 2 no verdict was possible, and the output says why
"""


def main(words: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = _parser()
    asked = parser.parse_args(words)
    if asked.rounds and asked.scenario != "hot-seat":
        parser.error("only hot-seat has rounds")
    chosen = SCENARIOS[asked.scenario]
    asked.users = asked.users or chosen.users
    asked.seconds = asked.seconds or chosen.seconds
    folder = asked.out / f"{asked.scenario}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        status = asyncio.run(_drive(asked, folder))
    except ServerFailed as failed:
        return _say(f"not done: {failed}", EXIT_FAILED)
    except TimeoutError:
        return _say(f"not done: Locust did not end within {asked.seconds + LOCUST_SECONDS_MAX} s", EXIT_FAILED)
    except KeyboardInterrupt:
        return _say("interrupted: nothing is judged", EXIT_INTERRUPTED)
    return _conclude(asked, folder, locust_status=status)


async def _drive(asked: Namespace, folder: Path) -> int:
    """Load the service for the time asked for; Locust's exit status. Raises ServerFailed, TimeoutError."""
    async with _service(asked.target, folder) as target:
        _say(f"{asked.scenario}: {asked.users} users on {target} for {asked.seconds} s")
        file = Path(__file__).parent / SCENARIOS[asked.scenario].file
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "locust", "-f", str(file), "--headless", "--only-summary", "--loglevel", "WARNING"),
            *("--host", target, "--users", f"{asked.users}", "--spawn-rate", f"{asked.users}"),
            *("--run-time", f"{asked.seconds}s", "--stop-timeout", f"{STOP_SECONDS_MAX}"),
            *("--csv", str(folder / "stats"), "--html", str(folder / "report.html")),
            *("--record", str(folder / RECORD_FILE), *(("--rounds", f"{asked.rounds}") if asked.rounds else ())),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            return await asyncio.wait_for(process.wait(), asked.seconds + LOCUST_SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def _service(target: str, folder: Path) -> AsyncIterator[str]:
    """Where the service is: the target, or one of our own that runs while the block lasts."""
    if target:
        yield target
        return
    settings = {"TRAVIO_GRPC_HOST": HOST, "TRAVIO_GRPC_PORT": PORT, "TRAVIO_DATA": str(folder / "data")}
    settings |= {"TRAVIO_HTTP_PORT": "off", "TRAVIO_METRICS_PORT": "off"}
    server = OwnServer(SERVE, {"TRAVIO_LOG_LEVEL": "WARNING"} | FOR_ANYBODY | settings)
    async with server:
        try:
            yield f"{HOST}:{server.port}"
        finally:
            shutil.copy(server.folder / "server.log", folder / "service.log")


def _conclude(asked: Namespace, folder: Path, *, locust_status: int) -> int:
    """Judge what was told, say where the results are; the exit status of it all."""
    data = {} if asked.target else {"data": folder / "data"}
    try:
        status = verdict.tell(folder, load_settings(**data))
    except SettingsError as wrong:
        status = _say(f"not judged: {wrong}", verdict.EXIT_NOT_JUDGED)
    if locust_status:
        _say("calls failed: see the failures above, and in report.html")
    _say(f"results: {folder}")
    again = "".join(f"TRAVIO_DATA={path} " for path in data.values())
    _say(f"judge again: {again}python -m load_test.verdict {folder}")
    return status or (EXIT_FAILED if locust_status else verdict.EXIT_OK)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m load_test",
        description="Load the service with Locust, then check every answer by what is in the store.",
        epilog=HELP,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--users", type=_count, default=0, help="how many users at most (default: see below)")
    parser.add_argument("--seconds", type=_count, default=0, help="how long the load lasts (default: see below)")
    parser.add_argument("--rounds", type=_count, default=0, help="hot-seat: end after so many rounds, if not before")
    parser.add_argument(
        "--target",
        default=os.environ.get("TRAVIO_TARGET", ""),
        help="HOST:PORT of a service that runs already (or TRAVIO_TARGET); else one is started",
    )
    parser.add_argument("--out", type=Path, default=Path("data/load_test"), help="folder for results (%(default)s)")
    return parser


def _count(said: str) -> int:
    if not said.isdecimal():
        raise ArgumentTypeError(f"must be a whole number, 0 or more, not {said!r}")
    return int(said)


def _say(line: str, status: int = 0) -> int:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
