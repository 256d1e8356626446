"""How much one connection may ask for, and how often one address may guess: 429 with ``Retry-After``."""

import hashlib
import math
import os
import tempfile
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from flask import Request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter

from scim_server.protocol.errors import TooManyRequestsException
from scim_server.web.shared_counters import SharedCounters

WINDOW_S = 2
"""What a connection may send in so many seconds, it may send at once, if it sent little before."""

GUESSES = RateLimitItemPerMinute(30, namespace="guesses")
"""How many requests of one address may prove nothing before it has to wait."""

RESETS = RateLimitItemPerHour(5, namespace="resets")
"""How often a new password may be asked for with one address, whether it is somebody's or nobody's."""

RESETS_FROM = RateLimitItemPerHour(30, namespace="resets from")
"""How often it may be asked for from one place."""

SIGN_INS = RateLimitItemPerMinute(10, 15, namespace="sign-ins")
"""How often a password may be tried for one name, whether it is somebody's or nobody's."""

_NETWORK_BITS = 64
"""Who has one address of IPv6 has all that begin with so many bits of it."""

_Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Limits:
    """What the workers of a machine count together; ``requests`` is None where nothing is limited."""

    counted: SlidingWindowCounterRateLimiter
    requests: RateLimitItem | None
    trusted_proxies: tuple[str, ...]

    def count_request(self, connection_id: str) -> None:
        """Count a request of a connection.

        :raises TooManyRequestsException: When that is one too many.
        """
        if self.requests is not None and not self.counted.hit(self.requests, connection_id):
            raise self._too_many(self.requests, connection_id)

    def refusal(self, connection_id: str) -> TooManyRequestsException | None:
        """Return how a request of a connection would be refused just now, None where it would not be; count nothing."""
        if self.requests is None or self.counted.test(self.requests, connection_id):
            return None
        return self._too_many(self.requests, connection_id)

    def refuse_guessing(self, request: Request) -> None:
        """Let no more be tried from an address that has proved nothing too often.

        :raises TooManyRequestsException: When the address of a request is one.
        """
        address = self._client_network(request)
        if address is not None and not self.counted.test(GUESSES, address):
            said = (
                f"more than {GUESSES.amount} requests in a minute came from this address with credentials unknown here"
            )
            raise self._refusal(said, GUESSES, address)

    def count_failure(self, request: Request) -> None:
        """Count a request that proved nothing."""
        address = self._client_network(request)
        if address is not None:
            self.counted.hit(GUESSES, address)

    def count_reset(self, org_id: str, address: str, client: str | None) -> None:
        """Count a request for a new password.

        :param address: What was typed, or the id of the member.
        :param client: The address that it comes from, None where it is not told.
        :raises TooManyRequestsException: When that is one too many.
        """
        named = _digest_of(org_id, address)
        if not self.counted.hit(RESETS, named):
            said = f"a new password was asked for more than {RESETS.amount} times in an hour for this address or member"
            raise self._refusal(said, RESETS, named)
        known = _address(client) if client is not None else None
        if known is not None and not self.counted.hit(RESETS_FROM, _network(known)):
            said = f"a new password was asked for more than {RESETS_FROM.amount} times in an hour from this place"
            raise self._refusal(said, RESETS_FROM, _network(known))

    def count_sign_in(self, org_id: str, name: str, request: Request) -> None:
        """Count a try of a password for a name.

        :raises TooManyRequestsException: When that is one too many, or the address has guessed too often.
        """
        self.refuse_guessing(request)
        named = _digest_of(org_id, name)
        if not self.counted.hit(SIGN_INS, named):
            said = (
                f"a password was tried more than {SIGN_INS.amount} times in {SIGN_INS.multiples} minutes for this name"
            )
            raise self._refusal(said, SIGN_INS, named)

    def client_of(self, request: Request) -> str | None:
        """Return the address a request comes from, None where a proxy does not tell."""
        address = self._client_network(request)
        return address.partition("/")[0] if address else None

    def _too_many(self, item: RateLimitItem, connection_id: str) -> TooManyRequestsException:
        said = f"this connection has sent more than {item.amount // WINDOW_S} requests a second"
        return self._refusal(said, item, connection_id)

    def _refusal(self, said: str, item: RateLimitItem, key: str) -> TooManyRequestsException:
        wait_s = max(1, math.ceil(self.counted.get_window_stats(item, key).reset_time - time.time()))
        return TooManyRequestsException(f"{said}; send the request again in {wait_s} s", wait_s)

    def _client_network(self, request: Request) -> str | None:
        """Return the address a request comes from, or its network of IPv6; None where a proxy does not tell.

        NB: what a trusted proxy sends for somebody it does not name is slowed for nobody: all its clients would be.
        """
        hops = [
            request.environ.get("REMOTE_ADDR", ""),
            *reversed(request.headers.get("X-Forwarded-For", "").split(",")),
        ]
        for number, hop in enumerate(hops):
            address = _address(hop)
            if address is None and (number or hop):
                return None
            # Who speaks through a Unix socket has no address, and is a proxy of this machine.
            if address is not None and not self._trusts(address, number):
                return _network(address)
        return None

    def _trusts(self, address: _Address, number: int) -> bool:
        if "*" in self.trusted_proxies:
            return number == 0
        return any(address in ip_network(each) for each in self.trusted_proxies)


def _digest_of(org_id: str, name: str) -> str:
    """Return what is counted for a name: it lies in a file, and need not name anybody."""
    return hashlib.sha256(f"{org_id} {name.strip().lower()}".encode()).hexdigest()


def _address(hop: str) -> _Address | None:
    try:
        address = ip_address(hop.strip())
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _network(address: _Address) -> str:
    """Return an address, of IPv6 the network it is in."""
    return str(ip_network((address, _NETWORK_BITS), strict=False)) if isinstance(address, IPv6Address) else str(address)


def open_limits(secret_key: str, rate_limit_per_s: int, trusted_proxies: tuple[str, ...]) -> Limits:
    """Return the limits of a server: all that have its secret key count together on a machine.

    :raises OSError: When there is no place for what they count.
    """
    digest = hashlib.sha256(b"scim-server limits" + secret_key.encode()).hexdigest()[:16]
    counters = SharedCounters(Path(tempfile.gettempdir(), f"scim-server-{os.geteuid()}-{digest}"))
    item = RateLimitItemPerSecond(rate_limit_per_s * WINDOW_S, WINDOW_S, "requests") if rate_limit_per_s else None
    return Limits(SlidingWindowCounterRateLimiter(counters), item, trusted_proxies)
