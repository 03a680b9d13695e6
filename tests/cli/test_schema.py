"""The commands that prepare a cluster, and the start that refuses one that is not prepared."""

import re
import time
from dataclasses import asdict, fields
from uuid import uuid4

import anyio
import pytest

from tests.typed import Type
from travio_inventory.app.backends import StartFailed, open_batches
from travio_inventory.app.backends.scylla import REPLICATION_MIN, options_of
from travio_inventory.app.service import rules_of
from travio_inventory.protocol.rules import Rules
from travio_inventory.settings import RetentionSettings, load_settings, names
from travio_inventory.store.scylla import schema
from verification.servers.cassandra import Cassandra

NEEDED = schema.parse(schema.SCHEMA_FILE.read_text()).version

NOBODY = "127.0.0.1:1"
FIXED = {"apart_s", "known_s"}
"""Lifetimes that no setting changes."""


@pytest.fixture
def cluster(cassandra_node: Cassandra) -> dict[str, str]:
    """The environment that leads to a real server, for development, and a keyspace that is not there."""
    return {
        "SCYLLA_HOSTS": f"{cassandra_node.hosts[0]}:{cassandra_node.port}",
        "TRAVIO_SCYLLA_KEYSPACE": f"cli_{uuid4().hex[:12]}",
        "TRAVIO_ENVIRONMENT": "development",
    }


async def start(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Open the store as the service does at its start."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_batches(load_settings()) as store:
        assert store.deployment


def test_a_missing_schema_is_told_applied_and_then_as_needed(
    typed: Type, cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyspace = cluster["TRAVIO_SCYLLA_KEYSPACE"]
    advice = f"keyspace {keyspace} has no schema: run `travio-inventory schema apply`"
    missing = typed("schema", "check", **cluster)
    assert (missing.status, missing.err) == (1, f"{advice}\n")
    with pytest.raises(StartFailed) as refused:
        anyio.run(start, monkeypatch, cluster)
    assert str(refused.value) == advice
    for _ in range(2):
        applied = typed("schema", "apply", "--replication", "1", **cluster)
        assert (applied.status, applied.out) == (0, f"keyspace {keyspace} has schema version {NEEDED}\n")
    checked = typed("schema", "check", **cluster)
    assert (checked.status, checked.out) == (0, f"keyspace {keyspace} has schema version {NEEDED}, as needed\n")
    anyio.run(start, monkeypatch, cluster)


def test_one_copy_is_for_development_only(
    typed: Type, cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("schema", "apply", "--replication", "1", **cluster)
    production = cluster | {"TRAVIO_ENVIRONMENT": "production"}
    checked = typed("schema", "check", **production)
    assert checked.status == 1
    assert "keeps 1 copies of a row, not 3" in checked.err
    with pytest.raises(StartFailed, match="keeps 1 copies of a row, not 3"):
        anyio.run(start, monkeypatch, production)


@pytest.mark.parametrize(
    ("replication", "environment", "said"),
    [
        ("1", "production", "1 copies of a row: allowed is 3 or more, unless TRAVIO_ENVIRONMENT=development"),
        ("2", "production", "2 copies of a row: allowed is 3 or more, unless TRAVIO_ENVIRONMENT=development"),
        ("0", "development", "0 copies of a row: allowed is 1 or more"),
    ],
)
def test_too_few_copies_are_refused_before_anything_is_done(
    typed: Type, replication: str, environment: str, said: str
) -> None:
    answer = typed("schema", "apply", "--replication", replication, SCYLLA_HOSTS=NOBODY, TRAVIO_ENVIRONMENT=environment)
    assert (answer.status, answer.err) == (2, f"--replication: {said}\n")


def test_three_copies_are_the_default_and_need_three_servers(typed: Type, cluster: dict[str, str]) -> None:
    """Otherwise the keyspace would be there, and no batch could ever have a quorum."""
    answer = typed("schema", "apply", **cluster | {"TRAVIO_ENVIRONMENT": "production"})
    said = f"{REPLICATION_MIN['production']} copies of a row need as many servers: the datacenter has 1"
    assert (answer.status, answer.err) == (2, f"--replication: {said}\n")
    assert "has no schema" in typed("schema", "check", **cluster).err


@pytest.mark.thorough
def test_of_two_datacenters_one_is_named_home_and_no_other_is_accepted_afterwards(
    typed: Type, cassandra_datacenters: Cassandra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands and by the start, each in one line that says what to set."""
    unnamed = {
        "SCYLLA_HOSTS": f"{cassandra_datacenters.hosts[0]}:{cassandra_datacenters.port}",
        "TRAVIO_SCYLLA_KEYSPACE": f"cli_{uuid4().hex[:12]}",
        "TRAVIO_ENVIRONMENT": "development",
    }
    east, west = ({**unnamed, "TRAVIO_SCYLLA_DATACENTER": name} for name in ("east", "west"))
    refused = typed("schema", "apply", "--replication", "1", **unnamed)
    assert (refused.status, len(refused.err.splitlines())) == (1, 1)
    assert "set TRAVIO_SCYLLA_DATACENTER to the one that decides, or TRAVIO_SCYLLA_SERIAL=global" in refused.err
    assert typed("schema", "apply", "--replication", "1", **east).status == 0
    assert typed("schema", "check", **east).status == 0
    other = typed("schema", "check", **west)
    assert (other.status, len(other.err.splitlines())) == (1, 1)
    assert "has no copies in datacenter west, but in east" in other.err
    with pytest.raises(StartFailed, match="has no copies in datacenter west, but in east"):
        anyio.run(start, monkeypatch, west)
    anyio.run(start, monkeypatch, east)


def test_a_clock_far_from_the_servers_is_refused_by_the_check_and_by_the_start(
    typed: Type, cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("schema", "apply", "--replication", "1", **cluster)
    true_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true_ns() + 3_600 * 10**9)
    said = r"^the clock of this machine is 3\d{3}\.\d s ahead of those of the database, and may be 10 s at most: "
    checked = typed("schema", "check", **cluster)
    assert checked.status == 1
    assert re.match(said, checked.err)
    with pytest.raises(StartFailed, match=said):
        anyio.run(start, monkeypatch, cluster)


def test_all_processes_on_a_keyspace_must_share_each_rule_of_the_protocol() -> None:
    lifetimes = RetentionSettings.keys()
    rules = {
        "clock_bound_ms": 300,
        "attempt_grace_seconds": 11,
        "holds_per_holder_max": 4,
        "hold_total_seconds_max": 7_201,
    }
    of_a_process = {"deeds_seconds", "dead_letters_seconds", "dead_letters_max"}  # each goes when its writer says
    set_s = {
        field: value for field, value in RetentionSettings() if isinstance(value, int) and field not in of_a_process
    }
    given = rules | {lifetimes[field]: value + 1 for field, value in set_s.items()}
    settings = load_settings(**given)
    before, after = (asdict(rules_of(made).protocol.retention) for made in (load_settings(), settings))
    said = {names(key)[0]: str(value) for key, value in given.items()}
    assert options_of(settings).rules == said | {"TRAVIO_TRIP_ARCHIVE": "none"}
    assert {name for name in after if before[name] == after[name]} == FIXED
    assert len(rules) == len(fields(Rules))


@pytest.mark.parametrize("command", ["apply", "check"])
def test_without_a_server_one_line_says_so(typed: Type, command: str) -> None:
    answer = typed("schema", command, SCYLLA_HOSTS=NOBODY)
    assert answer.status == 3, "it may be there later"
    assert answer.err == "no session with 127.0.0.1 port 1: 127.0.0.1:1: Connection refused\n"
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["apply", "check"])
def test_where_no_cluster_was_chosen_it_is_told_what_names_one(typed: Type, command: str) -> None:
    answer = typed("schema", command, TRAVIO_STORE="embedded", SCYLLA_HOSTS=NOBODY)
    assert (answer.status, answer.err.count("\n")) == (3, 1)
    assert answer.err.endswith(": Connection refused: SCYLLA_HOSTS names the cluster\n")


def test_a_wrong_setting_is_named(typed: Type) -> None:
    answer = typed("schema", "check", SCYLLA_HOSTS="db1:port")
    assert answer.status == 2
    assert "SCYLLA_HOSTS='db1:port'" in answer.err
