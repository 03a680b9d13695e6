"""A webhook over TLS: who is trusted, and files that are renewed."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.events.test_webhook import letters, of_trip, soon, target
from travio_inventory.events.sinks.dead_letters import SinkLetters
from travio_inventory.events.sinks.webhook import Webhook
from travio_inventory.kernel.events import SinkDown
from travio_inventory.protocol.dead_letters import DeadLetters
from verification.servers.certificates import Certificates, make_certificates
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


def ours_and_others(folder: Path) -> tuple[Certificates, Certificates]:
    for name in ("ours", "others"):
        (folder / name).mkdir()
    return make_certificates(folder / "ours"), make_certificates(folder / "others")


@pytest.mark.usefixtures("soon")
async def test_a_receiver_that_asks_who_calls_takes_events_of_whom_it_knows_only(
    tmp_path: Path, letters: DeadLetters
) -> None:
    ours, others = ours_and_others(tmp_path)
    with webhook_receiver(tmp_path, replace(ours, of_clients=True)) as receiver:
        own = SinkLetters(letters, "shop")
        url, trusts = f"{receiver.url}/x", f"&ca_file={ours.authority}"
        for wrong in ("", f"&cert_file={others.certificate}&key_file={others.key}"):
            async with Webhook(target(url, tmp_path, trusts + wrong), own) as opened:
                with pytest.raises(SinkDown):
                    await opened.publish(of_trip("a", "1"))
        assert receiver.got("/x") == []
        known = f"&cert_file={ours.certificate}&key_file={ours.key}"
        async with Webhook(target(url, tmp_path, trusts + known), own) as opened:
            await opened.publish(of_trip("a", "1", "2"))
        assert receiver.taken("/x") == ["a.1", "a.2"]
        assert await letters.lists() == []


@pytest.mark.usefixtures("soon")
async def test_a_certificate_of_ours_that_is_renewed_is_shown_without_a_restart(
    tmp_path: Path, letters: DeadLetters
) -> None:
    """Also where a connection is open with the one before; a certificate without its key stops it for that moment."""
    ours, others = ours_and_others(tmp_path)
    certificate, key = tmp_path / "shown.pem", tmp_path / "shown.key"
    with webhook_receiver(tmp_path, replace(ours, of_clients=True)) as receiver:
        certificate.write_bytes(others.certificate.read_bytes())
        key.write_bytes(others.key.read_bytes())
        shown = f"&ca_file={ours.authority}&cert_file={certificate}&key_file={key}"
        async with Webhook(target(f"{receiver.url}/x", tmp_path, shown), SinkLetters(letters, "shop")) as opened:
            with pytest.raises(SinkDown):
                await opened.publish(of_trip("a", "1"))
            certificate.write_bytes(ours.certificate.read_bytes())
            with pytest.raises(SinkDown, match="files of TLS"):
                await opened.publish(of_trip("a", "1"))
            key.write_bytes(ours.key.read_bytes())
            await opened.publish(of_trip("a", "1"))
            certificate.write_bytes(others.certificate.read_bytes())
            key.write_bytes(others.key.read_bytes())
            with pytest.raises(SinkDown):
                await opened.publish(of_trip("a", "2"))
        assert receiver.taken("/x") == ["a.1"]
