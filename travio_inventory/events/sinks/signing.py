"""Signs what a webhook gets, as Standard Webhooks has it, with every secret that is valid."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "whsec_"
SECRETS_MAX = 2
"""The present one and, while a receiver changes over, the next or the last."""
BYTES_MIN, BYTES_MAX = 24, 64


def secrets_of(text: str) -> tuple[bytes, ...]:
    """The secrets, one on a line. Raises ValueError, which names none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= SECRETS_MAX:
        raise ValueError(f"has {len(lines)} secrets: allowed are 1 to {SECRETS_MAX}, one on a line")
    return tuple(_secret(line) for line in lines)


def _secret(line: str) -> bytes:
    try:
        secret = b64decode(line.removeprefix(PREFIX), validate=True)
    except (Error, ValueError):
        secret = b""
    if not line.startswith(PREFIX) or not BYTES_MIN <= len(secret) <= BYTES_MAX:
        raise ValueError(f"has a wrong secret: {PREFIX} and base64 of {BYTES_MIN} to {BYTES_MAX} bytes")
    return secret


def signature(secrets: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret."""
    signed = f"{message_id}.{at_s}.".encode() + body
    return " ".join(f"v1,{b64encode(hmac.digest(secret, signed, sha256)).decode()}" for secret in secrets)
