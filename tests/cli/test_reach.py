"""How a command reaches the service: TLS, no service, bytes that are not text, terminals without Unicode."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from tests.client.service import ScriptedService
from tests.client.service import served as scripted
from tests.typed import EXAMPLES, ROOT, Type
from travio_inventory.cli.screen import Screen
from travio_inventory.wire.inventory.v1 import HoldSeatsRequest, InitializeTripInventoryRequest
from verification.kit.child_process import ended
from verification.kit.service_process import ServiceProcess, serving
from verification.servers.certificates import Certificates, make_certificates

pytestmark = pytest.mark.long

COACH = ("coach-dhaka-coxs-bazar", "dhaka", "cumilla")
SECONDS_MAX = 60
INTERRUPTIBLE = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from travio_inventory.cli import main
main()
"""
"""The command line as a terminal starts it: what runs in the background of a script ignores Ctrl-C."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def over_tls(
    portal: BlockingPortal, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """The service, speaking TLS only."""
    tls = {"TRAVIO_TLS_CERT": str(certificates.certificate), "TRAVIO_TLS_KEY": str(certificates.key)}
    with portal.wrap_async_context_manager(serving(tmp_path_factory.mktemp("tls"), **tls)) as service:
        yield service


@pytest.mark.once
def test_a_service_with_tls_is_reached(typed: Type, over_tls: ServiceProcess, certificates: Certificates) -> None:
    at = ("--target", over_tls.target)
    opened = typed("trip", "open", str(EXAMPLES / "coach.toml"), *at, "--ca-file", str(certificates.authority))
    assert (opened.status, opened.err) == (0, "")
    variables = {
        "TRAVIO_TARGET": over_tls.target,
        "TRAVIO_TARGET_TLS": "on",
        "TRAVIO_TARGET_CA_FILE": str(certificates.authority),
    }
    assert typed("hold", *COACH, "seat-A1", **variables).status == 0
    ran = typed("bench", "hot-seat", "--rounds", "1", "--workers", "5", *at, "--ca-file", str(certificates.authority))
    assert ran.status == 0, ran.err


@pytest.mark.once
def test_a_bench_beside_settings_of_a_service_with_tls_starts_one_without(
    typed: Type, certificates: Certificates
) -> None:
    tls = {"TRAVIO_TLS_CERT": str(certificates.certificate), "TRAVIO_TLS_KEY": str(certificates.key)}
    ran = typed("bench", "open", "--rounds", "1", **tls)
    assert ran.status == 0, ran.err


def test_an_untrusted_certificate_and_a_missing_tls_option_are_reported(typed: Type, over_tls: ServiceProcess) -> None:
    at = ("--target", over_tls.target)
    for words in (("map", *COACH), ("hold", *COACH, "seat-A2"), ("bench", "hot-seat")):
        stranger = typed(*words, *at, "--tls")
        assert stranger.status == 4
        assert stranger.err.splitlines()[-1].startswith(f"no TLS with {over_tls.target} (")
        assert stranger.err.endswith("set --ca-file to the CA of its certificate, or omit --tls\n")
    plain = typed("hold", *COACH, "seat-A2", *at)
    assert plain.status == 4
    assert plain.err == (
        f"nothing answers at {over_tls.target} (what listens there does not speak HTTP/2): "
        "add --tls if it uses TLS, or set --target\n"
    )


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (("--ca-file", "no-such.pem"), {}, "--ca-file no-such.pem: No such file or directory"),
        (("--ca-file", __file__), {}, f"--ca-file {__file__}: contains no certificate"),
        (
            (),
            {"TRAVIO_TARGET_TLS": "maybe"},
            "Invalid value for TRAVIO_TARGET_TLS: must be on or off, not 'maybe'. Try --help.",
        ),
        ((), {"TRAVIO_TARGET": "http://there"}, "--target (TRAVIO_TARGET) must be HOST:PORT, not 'http://there'"),
        (("--target", "::1"), {}, "--target (TRAVIO_TARGET) must be HOST:PORT, not '::1'"),
        (("--target", "a..b:1"), {}, "--target (TRAVIO_TARGET) must be HOST:PORT, not 'a..b:1'"),
        (("--target", f"{'x' * 64}:1"), {}, f"--target (TRAVIO_TARGET) must be HOST:PORT, not '{'x' * 64}:1'"),
    ],
)
def test_a_wrong_target_is_named(typed: Type, words: tuple[str, ...], variables: dict[str, str], said: str) -> None:
    answer = typed("map", *COACH, *words, **variables)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1


def test_switches_are_written_as_in_the_settings_of_the_service(typed: Type) -> None:
    for value in ("off", "0", "False", "no"):
        assert typed("map", *COACH, "--target", "localhost:1", TRAVIO_TARGET_TLS=value).status == 4


@pytest.mark.once
def test_a_service_that_accepts_the_connection_and_sends_nothing_counts_as_absent(typed: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = typed("hold", *COACH, "seat-A1", "--target", f"127.0.0.1:{silent.getsockname()[1]}")
    assert answer.status == 4
    assert "(no answer in time)" in answer.err


@pytest.mark.breakdown
def test_an_unknown_outcome_names_the_key_for_the_next_try_if_there_is_one(typed: Type, portal: BlockingPortal) -> None:
    service = ScriptedService()

    async def lose() -> None:
        raise ConnectionResetError

    service.next(HoldSeatsRequest, *[lose] * 8)
    service.next(InitializeTripInventoryRequest, *[lose] * 8)
    with portal.wrap_async_context_manager(scripted(service)) as port:
        at = ("--target", f"127.0.0.1:{port}")
        unknown = typed("hold", *COACH, "seat-A1", *at)
        key = service.seen(HoldSeatsRequest)[0].idempotency_key
        assert unknown.status == 3
        assert unknown.err == f"the outcome is unknown: run the same command again with --key {key}\n"
        opened = typed("trip", "open", str(EXAMPLES / "coach.toml"), *at)
        assert (opened.status, opened.err) == (3, "the outcome is unknown: run the same command again\n")
        service.script.clear()
        held = typed("hold", *COACH, "seat-A1", "--key", key, *at, "--json").plain
        assert (held["hold"], held["key"]) == (f"hold-{key}", key)


def test_bytes_that_are_not_text_are_reported_as_such(
    typed: Type, over_tls: ServiceProcess, certificates: Certificates, tmp_path: Path
) -> None:
    at = ("--target", over_tls.target, "--ca-file", str(certificates.authority))
    for words in (("map", "a", "\udcff", "c"), ("hold", *COACH, "\udcff"), ("release", "\udcff", "--json")):
        answer = typed(*words, *at)
        assert answer.status == 2
        assert answer.err.splitlines()[-1] == "'\\udcff' is not text: write it in UTF-8"
    path = tmp_path / "latin.toml"
    path.write_bytes(b'[trip]\nid = "caf\xe9"\n')
    assert typed("trip", "open", str(path)).err == f"{path}: not UTF-8 text: byte 17: invalid continuation byte\n"
    (tmp_path / "events.jsonl").write_bytes(b'{"type": "caf\xe9"}\n')
    assert typed("events", "--data", str(tmp_path), "--json").out == '{"type": "caf\\xe9"}\n'


def test_a_terminal_without_unicode_shows_escapes(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"trip_id": "\u65b0"}\n', encoding="utf-8")
    said = subprocess.run(
        [sys.executable, "-m", "travio_inventory.cli", "events", "--json", "--data", str(tmp_path)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert said.stdout == b'{"trip_id": "\\u65b0"}\n'


@pytest.mark.once
@pytest.mark.parametrize(("closing", "status"), [(">&-", 0), ("2>&-", 0), (">/dev/full", 5)])
def test_output_that_cannot_be_written_makes_no_traceback(closing: str, status: int) -> None:
    line = f"exec {sys.executable} -m travio_inventory.cli trip example {closing}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - whichever shell there is
    assert done.returncode == status
    assert done.stderr == ("" if status == 0 else "cannot go on: No space left on device\n")


@pytest.mark.parametrize(
    "words",
    [
        "trip example coach",
        *(pytest.param(words, marks=pytest.mark.once) for words in ("--help", "hold --help", "settings")),
    ],
)
def test_a_reader_that_closes_the_pipe_is_no_failure(words: str) -> None:
    """Like `head`; this one reads nothing at all."""
    line = f"{{ sleep 0.2; {sys.executable} -m travio_inventory.cli {words}; echo $? >&2; }} | true"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - see above
    assert done.stderr == "0\n"


def test_a_terminal_without_the_symbols_of_a_map_gets_letters() -> None:
    class Ascii(io.StringIO):
        encoding = "ascii"

        def isatty(self) -> bool:
            return True

    assert not Screen(out=Ascii()).fancy


def test_an_unexpected_error_has_its_own_exit_status(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("travio_inventory.cli.trips.examples.names", breaks)
    answer = typed("trip", "example")
    assert answer.status == 5
    assert "RuntimeError: a bug" in answer.err


@pytest.mark.once
def test_ctrl_c_during_a_hold_prints_the_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = ["hold", *COACH, "seat-A1", "--key", "k7", "--target", f"127.0.0.1:{silent.getsockname()[1]}"]
        command = [sys.executable, "-c", INTERRUPTIBLE, *words]
        with ended(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)) as holding:
            taken, _ = silent.accept()
            with taken:
                holding.send_signal(signal.SIGINT)
                _, said = holding.communicate(timeout=SECONDS_MAX)
    assert holding.returncode == 130
    assert said == "interrupted, and the outcome is unknown: run the same command again with --key k7\n"
