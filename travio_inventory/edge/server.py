"""One Redis server: commands to it, and the invalidations that it publishes."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AskError, MovedError, NoScriptError, ReadOnlyError, ResponseError

from travio_inventory.edge.answers import Reply
from travio_inventory.edge.invalidations import Invalidations
from travio_inventory.edge.pipelined_connection import PipelinedConnection, RedisDown
from travio_inventory.edge.redis_options import HostPort, RedisOptions
from travio_inventory.edge.scripts import Script, Word


class Listener(NamedTuple):
    """Called for each key that any process invalidates, with the seat groups, and when one may have been missed."""

    on_change: Callable[[bytes, Sequence[int]], None]
    on_silence: Callable[[], None]


class Server:
    """A pipelined connection to one server, and a listener for its invalidations."""

    def __init__(
        self,
        name: str,
        connector: Callable[[], AbstractConnection],
        options: RedisOptions,
        listener: Listener,
        on_down: Callable[[], None] = lambda: None,
    ) -> None:
        self.line = PipelinedConnection(name, connector(), options, on_down)
        self.ear = Invalidations(connector, options, listener.on_change, listener.on_silence)
        self._told: set[Script] = set()
        """What the server knows as far as is known: a script that it lost runs later than what was sent after it."""

    async def open(self) -> None:
        """Connect, or retry in the background."""
        self.ear.open()
        await self.line.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.ear.close()
        await self.line.close()

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word]) -> Reply:
        """The script's answer, even if the server has lost the script. Raises RedisDown, AskError, MovedError."""
        try:
            try:
                return await self.line.ask(partial(script.by_digest, keys, words))
            except NoScriptError:
                return await self.line.ask(partial(script.in_full, keys, words))
        except AskError:  # MovedError is one
            raise
        except ReadOnlyError as demoted:
            self.ear.start_over()
            raise RedisDown(str(demoted)) from demoted
        except ResponseError as refused:
            self.line.complain(refused)
            raise RedisDown(str(refused)) from refused

    def tell(
        self, script: Script, keys: Sequence[bytes], words: Iterable[Word], on_moved: Callable[[], None] = lambda: None
    ) -> None:
        """See Redis. `on_moved` is called if another server has the keys; then the script does not run."""

        def answered(answer: Reply) -> None:
            if not isinstance(answer, ResponseError):
                return
            if isinstance(answer, NoScriptError):
                self._told.discard(script)
                send()
            elif isinstance(answer, MovedError):
                on_moved()
            else:
                self.line.complain(answer)

        def send() -> None:
            command = script.by_digest if script in self._told else script.in_full
            try:
                self.line.send(partial(command, keys, words), answered)
            except RedisDown:
                return
            self._told.add(script)

        send()


class _Login(CredentialProvider):
    """Tells each connection the user and the password, as it is now."""

    def __init__(self, options: RedisOptions) -> None:
        self._options = options

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """See CredentialProvider."""
        user, password = self._options.user, self._options.password
        said = password if isinstance(password, str) else password()
        return (user, said) if user else (said,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """See CredentialProvider."""
        return self.get_credentials()


def named(server: HostPort) -> str:
    return f"{server[0]}:{server[1]}"


def connector(server: HostPort, options: RedisOptions) -> Callable[[], AbstractConnection]:
    """Creates connections to that server, not connected yet."""
    kind = SSLConnection if options.tls else Connection
    return partial(kind, host=server[0], port=server[1], **traits(options))


def traits(options: RedisOptions) -> dict[str, Any]:
    """The options of every connection. Pipelined connections and listeners bound their waits themselves: one timer for
    many answers, and none if there is nothing to wait for.
    """
    trust = {"ssl_ca_certs": str(options.ca_file)} if options.ca_file else {}
    return {
        **({"credential_provider": _Login(options)} if options.password else {}),
        "socket_timeout": None,
        "socket_connect_timeout": options.connect_ms_max / 1_000,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "health_check_interval": 0,
        "driver_info": None,
        **(trust if options.tls else {}),
    }
