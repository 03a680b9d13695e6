"""Errors when no service answers: nothing was sent, so nothing was done."""

import os
import re
import ssl
from socket import gaierror

from grpclib.const import Status

from travio_inventory.client.refusals import RETRY_AFTER_LOST_MS, ClientError
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.refusals import BackendUnavailable


class NoService(BackendUnavailable):
    """Nothing speaks HTTP/2 at the address; `is_there` says whether the connection was accepted at all."""

    def __init__(self, address: Address | str, why: str, *, is_there: bool) -> None:
        self.said = f"nothing answers at {address} ({why})"
        super().__init__(self.said)
        self.retry_after_ms = RETRY_AFTER_LOST_MS
        self.is_there = is_there


class NoTls(ClientError):
    """The service's certificate is not trusted, or it does not use TLS. A retry does not help."""

    def __init__(self, address: Address | str, why: str) -> None:
        super().__init__(Status.UNAVAILABLE, f"no TLS with {address} ({why})")


def unreachable(failure: OSError, address: Address | str, *, is_there: bool) -> NoService | NoTls:
    """The meaning of a failure to connect."""
    match failure:
        case ssl.SSLCertVerificationError():
            return NoTls(address, failure.verify_message)
        case ssl.SSLError():
            return NoTls(address, (failure.reason or str(failure)).replace("_", " ").lower())
        case TimeoutError():
            return NoService(address, "no answer in time", is_there=is_there)
        case _:
            return NoService(address, _why(failure), is_there=is_there)


def _why(failure: OSError) -> str:
    """The system's own message; asyncio joins those of several addresses of one name."""
    errors = re.findall(r"\[Errno (\d+)\]", str(failure))
    if isinstance(failure, gaierror) or not errors:
        return failure.strerror or str(failure)
    return os.strerror(int(errors[0]))
