"""The launchers of brokers keep their promises: acknowledged messages stay, protected servers are closed, nothing
outlives the parent.
"""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import aio_pika
import nats
import pytest
from nats.js.api import StreamConfig

from tests.servers.test_servers import GONE_S_MAX, ROOT, processes_in, typed, wait_for
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.nats import nats_server
from verification.servers.rabbitmq import rabbit_server
from verification.servers.webhook_receiver import TAKEN, webhook_receiver

MESSAGES = 100


@pytest.mark.rabbitmq
@pytest.mark.thorough
async def test_a_killed_rabbitmq_keeps_what_it_confirmed(tmp_path: Path) -> None:
    need("rabbitmq")
    with rabbit_server(tmp_path) as server:
        async with await aio_pika.connect(server.url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("kept", durable=True)
            for number in range(MESSAGES):
                message = aio_pika.Message(b"%d" % number, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, "kept")
            server.kill()
        server.start()
        async with await aio_pika.connect(server.url) as connection:
            queue = await (await connection.channel()).declare_queue("kept", durable=True)
            assert queue.declaration_result.message_count == MESSAGES
    assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)


@pytest.mark.nats
async def test_a_killed_nats_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    need("nats")
    with nats_server(tmp_path) as server:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(StreamConfig(name="kept", subjects=["kept.>"]))
        for number in range(MESSAGES):
            await client.jetstream().publish("kept.one", b"%d" % number)
        server.kill()
        await client.close()
        server.start()
        client = await nats.connect(server.url)
        assert (await client.jetstream().stream_info("kept")).state.messages == MESSAGES
        await client.close()
    assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)


@pytest.mark.nats
async def test_a_nats_with_certificates_refuses_whoever_cannot_verify_them(tmp_path: Path) -> None:
    need("nats")
    heard = []

    async def hear(error: Exception) -> None:
        await asyncio.sleep(0)
        heard.append(error)

    with nats_server(tmp_path, make_certificates(tmp_path)) as server:
        with pytest.raises(Exception, match=r"certificate verify failed|no servers"):
            await nats.connect(server.url, allow_reconnect=False, error_cb=hear)
        assert any("certificate verify failed" in str(error) for error in heard)
        trusting = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        client = await nats.connect(server.url, tls=trusting)
        await client.close()


@pytest.mark.rabbitmq
@pytest.mark.nats
@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "says"), [("rabbitmq", "RABBITMQ_URL=amqp://"), ("nats", "NATS_URL=nats://")])
def test_a_broker_dies_with_its_launcher(tmp_path: Path, kind: str, says: str) -> None:
    need(kind)
    with typed(tmp_path, sys.executable, "-m", "verification.servers", kind) as command:
        assert command.stdout
        assert command.stdout.readline().startswith(f"export {says}")
        assert processes_in(tmp_path)
        command.send_signal(signal.SIGKILL)
        command.wait(GONE_S_MAX)
        assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)


@pytest.mark.once
@pytest.mark.parametrize("kind", ["rabbitmq", "nats"])
def test_a_launcher_without_its_broker_says_what_to_install(tmp_path: Path, kind: str) -> None:
    words = [sys.executable, "-m", "verification.servers", kind]
    environment = {**os.environ, "PATH": "", "TMPDIR": str(tmp_path)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"servers: install {kind}-server")


@pytest.mark.once
def test_a_webhook_receiver_goes_on_behind_its_last_whole_line(tmp_path: Path) -> None:
    whole = json.dumps({"path": "/x", "id": "a", "body": "", "headers": {}, "status": 204}) + "\n"
    with webhook_receiver(tmp_path) as receiver:
        receiver.process.kill()
        (tmp_path / TAKEN).write_text(whole + whole[:30])
        receiver.start()
        assert receiver.taken("/x") == ["a"]
    assert (tmp_path / TAKEN).read_text() == whole
