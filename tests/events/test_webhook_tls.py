"""A webhook over TLS: who is trusted, and files that are renewed."""

from pathlib import Path

import pytest

from tests.events.test_webhook import letters, of_trip, soon, target
from travio_inventory.events.sinks.dead_letters import SinkLetters
from travio_inventory.events.sinks.webhook import Webhook
from travio_inventory.kernel.events import SinkDown
from travio_inventory.protocol.dead_letters import DeadLetters
from verification.servers.certificates import make_certificates
from verification.servers.webhook_receiver import webhook_receiver

__all__ = ["letters", "soon"]


@pytest.mark.once
@pytest.mark.usefixtures("soon")
async def test_over_tls_only_a_receiver_of_the_authority_that_is_named_gets_anything(
    tmp_path: Path, letters: DeadLetters
) -> None:
    """Without `ca_file` the system's authorities count, which know ours not."""
    made = make_certificates(tmp_path)
    with webhook_receiver(tmp_path, made) as receiver:
        own = SinkLetters(letters, "shop")
        for more in ("", f"&ca_file={made.key.with_name('other.pem')}"):
            if more:
                (tmp_path / "others").mkdir()
                made.key.with_name("other.pem").write_text(make_certificates(tmp_path / "others").authority.read_text())
            async with Webhook(target(f"{receiver.url}/x", tmp_path, more), own) as opened:
                with pytest.raises(SinkDown, match="CERTIFICATE_VERIFY_FAILED"):
                    await opened.publish(of_trip("a", "1"))
        async with Webhook(target(f"{receiver.url}/x", tmp_path, f"&ca_file={made.authority}"), own) as opened:
            await opened.publish(of_trip("a", "1", "2"))
        assert receiver.taken("/x") == ["a.1", "a.2"]
        assert await letters.lists() == []


@pytest.mark.once
@pytest.mark.usefixtures("soon")
async def test_renewed_files_of_tls_are_used_without_a_restart(tmp_path: Path, letters: DeadLetters) -> None:
    """Its authority is another one from now on; a file that is of no use for a moment stops it for that moment."""
    for name in ("first", "then"):
        (tmp_path / name).mkdir()
    first, then = (make_certificates(tmp_path / name) for name in ("first", "then"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(first.authority.read_bytes())
    with webhook_receiver(tmp_path / "first", first) as receiver:
        made = target(f"{receiver.url}/x", tmp_path, f"&ca_file={trusted}")
        async with Webhook(made, SinkLetters(letters, "shop")) as opened:
            await opened.publish(of_trip("a", "1"))
            receiver.process.kill()
            for old, new in ((first.certificate, then.certificate), (first.key, then.key)):
                old.write_bytes(new.read_bytes())
            receiver.certificates = then
            receiver.start()
            with pytest.raises(SinkDown, match="CERTIFICATE_VERIFY_FAILED"):
                await opened.publish(of_trip("a", "2"))
            trusted.write_text("nothing")
            with pytest.raises(SinkDown, match="files of TLS"):
                await opened.publish(of_trip("a", "2"))
            trusted.write_bytes(then.authority.read_bytes())
            await opened.publish(of_trip("a", "2"))
        assert receiver.taken("/x") == ["a.1", "a.2"]
