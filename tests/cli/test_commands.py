"""The whole system as an operator sees it: a service, commands typed against it, words and exit statuses."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from secrets import token_hex

import pytest

from tests.typed import ROOT, Type
from travio_inventory.bench.free_ports import free_port
from travio_inventory.cli.command import Command
from travio_inventory.cli.commands import COMMANDS
from travio_inventory.cli.exits import ADVICE, failure_of
from travio_inventory.client.refusals import KINDS
from travio_inventory.kernel.refusals import FinalRefusal, Overloaded, Refusal, RetryableRefusal
from travio_inventory.seats.refusals import HoldNotFound, InvalidSeats
from travio_inventory.settings import HttpSettings
from travio_inventory.stock import refusals as stock_refusals
from verification.kit.service_process import ServiceProcess

COACH = "coach-dhaka-coxs-bazar"
FILE = "travio_inventory/cli/examples/coach.toml"
FERRY = """
[trip]
id = "ferry"
[[stops]]
station = "pier"
[[stops]]
station = "island"
[[sections]]
id = "deck"
rows = "1-2"
columns = "AB"
price_minor = 5
"""


@pytest.fixture
def terminal(server: ServiceProcess, typed: Type) -> Type:
    """Types commands for a new organization."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4)}
    return lambda *words: typed(*words, **environment)


def test_a_trip_is_opened_and_a_seat_held_booked_and_cancelled(terminal: Type) -> None:
    for _ in range(2):
        opened = terminal("trip", "open", FILE)
        assert (opened.status, opened.out, opened.err) == (0, f"{COACH} is open: 40 seats on 3 segments\n", "")
    held = terminal("hold", COACH, "dhaka", "chattogram", "seat-A1", "seat-A2", "--json")
    hold = held.plain["hold"]
    assert held.plain["seats"] == ["seat-A1", "seat-A2"]
    assert "1 h . ." in terminal("map", COACH, "dhaka", "cumilla").out
    assert "h 0 held" in terminal("map", COACH, "chattogram", "coxs-bazar").out
    assert hold in terminal("holds", "list").out
    assert terminal("extend", hold, "--seconds", "900").status == 0
    booked = terminal("confirm", hold, "order-1", "--json")
    assert [ticket["seat"] for ticket in booked.plain["tickets"]] == ["seat-A1", "seat-A2"]
    assert terminal("holds", "show", hold, "--json").plain["status"] == "confirmed"
    assert terminal("cancel", hold).out == "2 cancelled\n"
    assert terminal("map", COACH, "dhaka", "coxs-bazar", "--json").plain["counts"]["free"] == 40
    refused = terminal("confirm", hold, "order-1")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "booking was cancelled: hold the seats again\n"


def test_exit_statuses_distinguish_wrong_input_and_refusals_and_try_again(terminal: Type) -> None:
    assert terminal("trip", "open", FILE).status == 0
    assert terminal("hold", COACH, "dhaka", "cumilla", "seat-A1").status == 0
    other = terminal("hold", COACH, "dhaka", "cumilla", "seat-A1", "--user", "other", "--json")
    assert other.plain["error"]["exit_status"] == other.status
    assert other.status in (1, 3)
    assert terminal("hold", COACH, "dhaka", "cumilla", "seat-Z9").status == 2
    assert terminal("hold", COACH, "cumilla", "dhaka", "seat-B1").status == 2
    missing = terminal("map", "no-such-trip", "a", "b")
    assert missing.status == 1
    assert missing.err.startswith("trip not found: open it with `travio-inventory trip open FILE`")


def test_a_release_that_released_nothing_says_where_to_look(terminal: Type) -> None:
    """A forgotten --user or --organization does not mean that seats were freed."""
    terminal("trip", "open", FILE)
    hold = terminal("hold", COACH, "dhaka", "cumilla", "seat-A1", "--json").plain["hold"]
    others = terminal("release", hold, "--user", "somebody-else")
    assert (others.status, others.out, others.err.startswith("nothing released: ")) == (1, "", True)
    assert "--user and --organization" in others.err
    assert terminal("release", hold, "--user", "else", "--json").plain["error"]["reason"] == "NOTHING_RELEASED"
    assert "in the --organization" in terminal("extend", hold, "--user", "somebody-else").err
    assert terminal("release", hold).out == "1 released\n"


def test_seats_are_taken_off_sale_and_put_back(terminal: Type) -> None:
    terminal("trip", "open", FILE)
    assert terminal("block", COACH, "seat-J4", "--reason", "broken belt").out == "1 blocked\n"
    assert "x 1 blocked" in terminal("map", COACH, "dhaka", "cumilla").out
    assert terminal("unblock", COACH, "seat-J4").out == "1 unblocked\n"


def test_a_user_joins_a_waiting_list_and_leaves_it(terminal: Type) -> None:
    terminal("trip", "open", FILE)
    joined = terminal("waitlist", "join", COACH, "--class", "business")
    assert joined.out == "number 1 on the waiting list\n"
    entries = terminal("waitlist", "list", "--json").plain["entries"]
    assert [entry["class"] for entry in entries] == ["business"]
    assert terminal("waitlist", "leave", COACH, "--class", "business").out == "removed from the waiting list\n"
    assert terminal("waitlist", "list").out == "on no waiting list\n"
    again = terminal("waitlist", "leave", COACH, "--class", "business")
    assert again.status == 1
    assert "`travio-inventory waitlist list` shows" in again.err


def test_events_are_shown_from_the_data_folder(terminal: Type, typed: Type, server: ServiceProcess) -> None:
    terminal("trip", "open", FILE)
    hold = terminal("hold", COACH, "dhaka", "cumilla", "seat-A1", "--json").plain["hold"]
    for _ in range(50):
        shown = typed("events", "--data", str(server.data), "--json")
        told = [event for event in map(json.loads, shown.out.splitlines()) if event["subject"] == hold]
        if told:
            break
        time.sleep(0.1)
    assert [event["type"] for event in told] == ["hold.created"]


def test_a_running_service_can_be_benched(server: ServiceProcess, typed: Type, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    words = ("--rounds", "2", "--workers", "30", "--target", server.target, "--out", str(out))
    answer = typed("bench", "hot-seat", *words)
    assert answer.status == 0, answer.err
    report = json.loads(out.read_text())
    assert report["results"]["counts"]["won"] == 2
    assert report["results"]["counts"]["error"] == 0
    assert sum(report["results"]["counts"].values()) == 60
    assert report["machine"]["cores"] >= 1
    assert report["command"]
    assert "grpclib" in report["versions"]


@pytest.mark.once
@pytest.mark.parametrize("bench", ["refusals", "holds", "map"])
def test_benches_with_a_server_of_their_own_find_nothing_wrong(typed: Type, bench: str) -> None:
    answer = typed("bench", bench, "--seconds", "0.3", "--workers", "8", "--json")
    assert answer.status == 0, answer.out + answer.err
    results = answer.plain["results"]
    for noop in ("no-op, grpclib", "no-op, our server"):
        assert results[noop]["counts"].keys() == {"ok"}
        assert any(name.endswith(f"/ {noop}") for name in results)
    assert answer.plain["server"]["own"] is True


def test_without_a_service_the_error_says_how_to_start_one(typed: Type) -> None:
    target = f"127.0.0.1:{free_port()}"
    for words in (("map", "t", "a", "b"), ("hold", "t", "a", "b", "s"), ("bench", "hot-seat")):
        answer = typed(*words, "--target", target)
        assert answer.status == 4
        assert answer.err.splitlines()[-1] == (
            f"nothing answers at {target} (Connection refused): "
            "start one with `travio-inventory serve`, or set --target"
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hold",), "TRIP requires an argument"),
        (("nonsense",), "nonsense"),
        (("map", "t", "a", "b", "--target", "a:b:c"), "--target (TRAVIO_TARGET) must be HOST:PORT"),
        (("trip", "open", "no-such.toml"), "no-such.toml: No such file"),
        (("bench", "hot-seat", "--workers", "0"), "Must be >= 1"),
        (("hold", "t", "a", "b", "s", "--seconds", "-5"), "Must be >= 0"),
        (("extend", "hold", "--seconds", "-5"), "Must be >= 0"),
        (("hold", "t", "a", "b", "s", "--seconds", "1_0"), 'unable to convert "1_0" into int'),
        (("extend", "hold", "--seconds", "2.5"), 'unable to convert "2.5" into int'),
        (("waitlist", "join", "t", "--class", "x", "--seats", "０２"), "into int"),  # noqa: RUF001
        (("trip", "list", "--days", "0x10"), 'unable to convert "0x10" into int'),
        (("serve", "--workers", "+1"), 'unable to convert "+1" into int'),
        (("bench", "holds", "--seconds", "1_0.5"), 'unable to convert "1_0.5" into float'),
        (("bench", "holds", "--seconds", "inf"), 'unable to convert "inf" into float'),
        (
            ("stock", "order", "acme", "a@b=1", "cup=50"),
            'Invalid value "a@b=1 cup=50" for LINES. Must be SKU@WAREHOUSE=QUANTITY',
        ),
        (
            ("plan", "convert", "a.json", "b.toml", "--from", "pretix", "--price", "A=4.5"),
            'Invalid value "A=4.5" for --price.',
        ),
        (("serve", "--workers", "-1"), "--workers -1: allowed is a whole number from 1 to 64"),
        (("bench", "noop", "--target", "localhost:1"), "omit --target"),
        (("bench", "holds", "--out", "/no/such/folder/x.json"), "--out /no/such/folder/x.json"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(typed: Type, words: tuple[str, ...], said: str) -> None:
    answer = typed(*words)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_wrong_setting_is_one_line_and_status_2(typed: Type) -> None:
    for command in ("settings", "serve"):
        answer = typed(command, GRPC_PORT="seventy")
        assert answer.status == 2
        assert "GRPC_PORT" in answer.err
        assert len(answer.err.splitlines()) == 1


def test_settings_are_listed_with_where_they_come_from(typed: Type) -> None:
    rows = typed("settings", "--json", GRPC_PORT="9999", TRAVIO_TARGET="elsewhere:1").plain["settings"]
    port = next(row for row in rows if row["name"] == "TRAVIO_GRPC_PORT")
    assert (port["value"], port["source"]) == ("9999", "GRPC_PORT")


def test_a_hold_retention_that_keys_prolong_is_listed_with_the_one_in_effect(typed: Type) -> None:
    longer = {"TRAVIO_IDEMPOTENCY_RETENTION_SECONDS": "172800"}
    said = "in effect: 172800, as TRAVIO_IDEMPOTENCY_RETENTION_SECONDS=172800"
    lines = typed("settings", **longer).out.splitlines()
    assert lines[lines.index("TRAVIO_HOLD_RETENTION_SECONDS = 86400  (default)") + 1].strip() == said
    assert "in effect" not in typed("settings").out


def test_each_setting_is_listed_with_an_explanation_within_80_columns(typed: Type) -> None:
    plain = typed("settings", GRPC_PORT="9999").out
    rows = typed("settings", "--json", GRPC_PORT="9999").plain["settings"]
    assert "TRAVIO_GRPC_PORT = 9999  (GRPC_PORT)\n" in plain
    assert max(map(len, plain.splitlines())) <= 80
    words = " ".join(plain.split())
    for row in rows:
        assert f"{row['name']} = {row['value'] or '-'} ({row['source']}) {row['description']} {row['allowed']}" in words
    assert "default 9083; also read as GRPC_PORT" in words


def test_the_demo_ends_by_itself_and_shows_the_seat_sold(typed: Type) -> None:
    answer = typed("demo")
    assert answer.status == 0, answer.err
    assert all(len(line) <= 80 for line in answer.out.splitlines())
    before, after = answer.out.split("After:")
    assert "B 0 booked" in before
    assert "B 1 booked" in after
    _, next_steps = answer.out.split("To continue with your own:\n")
    assert re.findall(r"travio.inventory(?:\.cli)? (\w+)", next_steps) == ["serve", "trip", "trip", "map"]
    port = HttpSettings.model_fields["port"].default
    assert next_steps.endswith(f"\nhttp://localhost:{port}/\n")


@pytest.mark.once
def test_the_demo_sells_any_trip(typed: Type, tmp_path: Path) -> None:
    """Of one segment, with other seats."""
    path = tmp_path / "ferry.toml"
    path.write_text(FERRY)
    answer = typed("demo", "--file", str(path))
    assert answer.status == 0, answer.err
    assert "pier - island" in answer.out
    assert f"trip open {path}" in answer.out


def test_the_demo_refuses_a_file_that_is_not_there(typed: Type) -> None:
    answer = typed("demo", "--file", "no-such.toml")
    assert (answer.status, answer.out, answer.err) == (2, "", "no-such.toml: No such file or directory\n")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
@pytest.mark.once
def test_every_command_has_help_with_an_example(typed: Type, command: Command) -> None:
    answer = typed(*command.words.split(), "--help")
    assert answer.status == 0
    assert command.help in " ".join(answer.out.split())
    assert f"travio-inventory {command.words} {command.example}".strip() in " ".join(answer.out.split())


def test_the_program_itself_says_how_to_begin() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "travio_inventory.cli", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert "travio-inventory trip open coach.toml" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(("refusal", "status"), [(InvalidSeats([]), 2), (HoldNotFound(), 1), (Overloaded(), 3)])
def test_the_branch_of_a_refusal_decides_the_status(refusal: Refusal, status: int) -> None:
    assert failure_of(refusal).status == status


def test_advice_is_given_only_for_refusals_that_exist() -> None:
    """Those of stock, which no command asks for, say themselves what to do."""
    assert set(ADVICE) <= set(KINDS)
    final = {reason: kind for reason, kind in KINDS.items() if issubclass(kind, FinalRefusal)}
    of_stock = {reason for reason, kind in final.items() if kind.__module__ == stock_refusals.__name__}
    assert final.keys() - of_stock - {"NOT_ON_WAITLIST"} <= set(ADVICE)
    assert not issubclass(FinalRefusal, RetryableRefusal)
