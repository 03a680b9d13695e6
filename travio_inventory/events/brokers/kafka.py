"""Kafka: what clients of the library are made with."""

from random import SystemRandom
from typing import Any

from travio_inventory.events.targets.kafka import KafkaServers

CLIENT = "travio-inventory"


def connection_options(to: KafkaServers) -> dict[str, Any]:
    """How the brokers are reached, by a producer or a consumer, from the files as they are now. Raises OSError."""
    servers = [str(server) for server in to.servers]
    SystemRandom().shuffle(servers)  # they are tried one by one, and the first may hang each time
    transport = "PLAINTEXT" if to.tls is None else "SSL"
    made: dict[str, Any] = {
        "bootstrap_servers": servers,
        "client_id": CLIENT,
        "security_protocol": transport if to.login is None else f"SASL_{transport}",
        "ssl_context": to.tls.context() if to.tls else None,
    }
    if to.login:
        made |= {"sasl_mechanism": to.sasl.upper(), "sasl_plain_username": to.login.user}
        made["sasl_plain_password"] = to.login.secret()
    return made
