"""No secret of an operator is shown: not in logs, metrics, events, answers or the list of processes, whatever fails."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import Refusal
from verification.kit.service_process import ORGANIZATION, ServiceProcess, eventually
from verification.kit.tokens import AUDIENCE, ISSUER, token
from verification.kit.trips import trip_of
from verification.servers.webhook_receiver import SECRET as SIGNS_WEBHOOKS

NOBODY = "127.0.0.1:1"
"""Where nothing listens, so that every connection fails, which is logged."""
HIDDEN = "hush-hush-hush"
"""In every secret, with what it is the secret of behind it."""
SIGNS_TOKENS = f"{HIDDEN}-of-thirty-two-bytes-and-more"
SINKS = {
    "kafka": f"kafka://ann:{HIDDEN}-kafka@{NOBODY}?topic=t&tls=on",
    "rabbit": f"amqp://ann:{HIDDEN}-rabbit@{NOBODY}/?exchange=e",
    "stream": f"nats://ann:{HIDDEN}-nats@{NOBODY}?stream=s&subject=s",
    "redis": f"redis://ann:{HIDDEN}-redis@{NOBODY}/0?stream=s",
    "hook": f"http://{NOBODY}/{HIDDEN}-path?token={HIDDEN}-query#secret_file={{folder}}/signing",
}
FAILS_S_MAX = 60.0


def settings(folder: Path) -> dict[str, str]:
    """A secret wherever one may stand."""
    (folder / "signing").write_text(f"{SIGNS_WEBHOOKS}\n")
    return {
        "TRAVIO_EVENTS": ",".join(f"{name}={sink.format(folder=folder)}" for name, sink in SINKS.items()),
        "TRAVIO_EVENTS_IN": f"paid=amqp://ann:{HIDDEN}-source@{NOBODY}/?queue=q&bind=e:%23",
        "TRAVIO_AUTH": "jwt",
        "TRAVIO_JWT_ISSUER": ISSUER,
        "TRAVIO_JWT_AUDIENCE": AUDIENCE,
        "TRAVIO_JWT_SECRET": SIGNS_TOKENS,
        "TRAVIO_EDGE": "redis",
        "REDIS_ADDR": NOBODY,
        "TRAVIO_REDIS_PASSWORD": f"{HIDDEN}-edge",
        "TRAVIO_TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{NOBODY}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={HIDDEN}-collector",
        "TRAVIO_METRICS_PORT": str(free_port()),
    }


async def have_failed(service: ServiceProcess, names: list[str]) -> bool:
    """Whether the log complains of each of these sinks and sources."""
    complaints = [line for line in service.log.splitlines() if " WARNING " in line or " ERROR " in line]
    return all(any(name in line for line in complaints) for name in names)


@pytest.mark.once
async def test_no_secret_is_shown_whatever_fails(processes: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    service = processes(**chosen)
    await service.start()
    shown = {"processes": await anyio.Path(f"/proc/{service.pid}/cmdline").read_text()}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{chosen['TRAVIO_METRICS_PORT']}") as asking:
        for path in ("/metrics", "/livez", "/readyz", "/nothing"):
            shown[path] = str((answer := await asking.get(path)).headers) + answer.text
    async with service.client(token=f"{HIDDEN}-token") as client:
        with pytest.raises(Refusal) as refused:
            await client.open_trip(trip_of("t", seats=4))
        shown["refusal"] = repr(refused.value)
    good = token(SIGNS_TOKENS, org=ORGANIZATION, scope="read hold confirm admin")
    async with service.client("ann", token=good) as client:
        await client.open_trip(trip_of("t", seats=4))
        await client.hold("t", "S0", "S1", ["seat-1"], seconds=60)
    await eventually(partial(have_failed, service, [*SINKS, "paid"]), within_s=FAILS_S_MAX)
    assert await service.stop() == 0
    shown["log"] = service.log
    for where, text in shown.items():
        assert HIDDEN not in text, where
        assert SIGNS_WEBHOOKS.removeprefix("whsec_") not in text, where
