"""A library that the settings ask for and nobody installed: the service says at its start which extra to install."""

import subprocess
import sys
from pathlib import Path

import pytest

from travio_inventory.events.choice import URL_KINDS
from travio_inventory.events.inbound.choice import KINDS
from verification.kit.service_process import READY_SECONDS_MAX, ServiceProcess

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from travio_inventory.cli import main
main(["serve"])
"""
OUT, IN, TRACES = "TRAVIO_EVENTS", "TRAVIO_EVENTS_IN", "OTEL_EXPORTER_OTLP_ENDPOINT"
ASKED = [
    (OUT, "shop=kafka://127.0.0.1", "aiokafka", "kafka"),
    (OUT, "shop=amqp://127.0.0.1", "aio_pika", "rabbitmq"),
    (OUT, "shop=amqps://127.0.0.1", "aiormq", "rabbitmq"),
    (OUT, "shop=nats://127.0.0.1", "nats", "nats"),
    (OUT, "shop=redis://127.0.0.1", "redis", "server"),
    (OUT, "shop=rediss://127.0.0.1", "redis", "server"),
    (OUT, "shop=http://127.0.0.1#secret_file=SECRET", "httpx", "server"),
    (OUT, "shop=https://127.0.0.1#secret_file=SECRET", "httpx", "server"),
    (IN, "shop=kafka://127.0.0.1", "aiokafka", "kafka"),
    (IN, "shop=kafka://127.0.0.1", "cramjam", "kafka"),
    (IN, "shop=amqp://127.0.0.1", "aio_pika", "rabbitmq"),
    (IN, "shop=amqps://127.0.0.1", "aiormq", "rabbitmq"),
    ("TRAVIO_EDGE", "redis", "hiredis", "server"),
    (TRACES, "http://127.0.0.1:4318", "opentelemetry", "tracing"),
]
"""A setting, a library that it needs, and the extra that installs it."""


@pytest.mark.once
@pytest.mark.parametrize(("setting", "value", "library", "extra"), ASKED)
def test_a_start_says_in_one_sentence_which_extra_is_not_installed(
    setting: str, value: str, library: str, extra: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    environment = ServiceProcess(tmp_path, **{setting: value.replace("SECRET", str(secret))}).environment
    run = [sys.executable, "-c", WITHOUT, library]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False, timeout=READY_SECONDS_MAX)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if "not installed" in line]
    assert len(said) == 1, done.stderr
    assert f"pip install 'travio-inventory[{extra}]'" in said[0]
    assert library in said[0]
    assert "Traceback" not in done.stderr


def test_every_kind_of_sink_and_source_is_asked_for() -> None:
    asked = [(setting, value.removeprefix("shop=").partition(":")[0]) for setting, value, *_ in ASKED]
    assert {kind for setting, kind in asked if setting == OUT} == {*URL_KINDS}
    assert {kind for setting, kind in asked if setting == IN} == {*KINDS}
