"""Keys of clients that publish them (``jwks_uri``): fetched with care, cached, and fetched again when they change.

A URL that somebody registered must not reach what only this machine reaches: its host is looked up once, refused
when an address is not public, and the connection goes to that very address, whatever the name says a moment later.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import orjson
from joserfc.jwk import KeySet

from scim_server.protocol.assertions import is_public, read_jwks

MAX_BYTES = 64 * 1024
TIMEOUT_S = 5.0
MAX_AGE_S = 600.0
"""How long keys are used before they are fetched again."""

RETRY_S = 60.0
"""How soon they may be fetched again for a key that is not among them, or after a failure."""

MAX_URIS = 1_000

Resolve = Callable[[str, int], Sequence[str]]


class KeysUnavailableError(Exception):
    """The keys of a client could not be fetched; the message says why."""


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(slots=True)
class _Entry:
    """The keys of one URL; times are of the monotonic clock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    tried_at: float = float("-inf")
    fetched_at: float = float("-inf")
    keys: KeySet | None = None
    failure: str = ""


class PublishedKeys:
    """The keys behind each ``jwks_uri``, one for each process."""

    def __init__(
        self,
        resolve: Resolve = resolve_host,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._transport = transport
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def get(self, uri: str, kid: str | None) -> KeySet:
        """Return the keys behind a URL, fetched anew when they are old or lack the one that is asked for.

        :raises KeysUnavailableError: When they cannot be had.
        """
        if len(self._entries) >= MAX_URIS:
            self._entries.clear()
        entry = self._entries.setdefault(uri, _Entry())
        with entry.lock:
            now = self._clock()
            is_old = now - entry.fetched_at >= MAX_AGE_S
            is_lacking = entry.keys is None or (kid is not None and all(key.kid != kid for key in entry.keys))
            if (is_old or is_lacking) and now - entry.tried_at >= RETRY_S:
                entry.tried_at = now
                try:
                    entry.keys, entry.fetched_at = self._fetch(uri), now
                except KeysUnavailableError as exc:
                    entry.failure = str(exc)
                    if is_old:
                        entry.keys = None
            if entry.keys is None:
                raise KeysUnavailableError(entry.failure)
            return entry.keys

    def _fetch(self, uri: str) -> KeySet:
        try:
            url = httpx.URL(uri)
            address = self._address(url)
            # The connection goes to the address; the name stays in Host, and in the certificate that is asked for.
            pinned = url.copy_with(host=f"[{address}]" if ":" in address else address)
            headers = {"Host": url.netloc.decode("ascii"), "Accept": "application/json", "Accept-Encoding": "identity"}
            with httpx.Client(transport=self._transport, timeout=TIMEOUT_S, trust_env=False) as client:
                extensions = {"sni_hostname": url.host}
                with client.stream("GET", pinned, headers=headers, extensions=extensions) as response:
                    if response.status_code != 200:
                        raise KeysUnavailableError(f"jwks_uri answered {response.status_code}; it must answer 200")
                    return read_jwks(orjson.loads(self._read(response)))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise KeysUnavailableError(f"jwks_uri did not answer ({type(exc).__name__})") from exc
        except ValueError as exc:
            raise KeysUnavailableError("jwks_uri answered no JWK Set with public keys") from exc

    def _address(self, url: httpx.URL) -> str:
        host, port = url.host, url.port or 443
        try:
            ipaddress.ip_address(host)
            addresses: Sequence[str] = [host]
        except ValueError:
            try:
                addresses = self._resolve(host, port)
            except (OSError, UnicodeError) as exc:
                raise KeysUnavailableError("the host of jwks_uri is unknown") from exc
        if not addresses or not all(is_public(address) for address in addresses):
            raise KeysUnavailableError("the host of jwks_uri has no public address, or one that is not public")
        return addresses[0]

    def _read(self, response: httpx.Response) -> bytes:
        ends_at = time.monotonic() + TIMEOUT_S
        body = b""
        for part in response.iter_raw():
            body += part
            if len(body) > MAX_BYTES:
                raise KeysUnavailableError(f"jwks_uri answered more than {MAX_BYTES} bytes")
            if time.monotonic() > ends_at:
                raise KeysUnavailableError(f"jwks_uri did not answer within {TIMEOUT_S:.0f} s")
        return body
