"""Client assertions (RFC 7523): the algorithms and keys that are taken, and the addresses they may come from."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ALGORITHMS = ("ES256", "PS256", "RS256", "EdDSA", "Ed25519")
"""The asymmetric ones of the IPSIE profile; EdDSA is what RFC 9864 now calls Ed25519."""

MAX_LIFETIME_S = 3_600
"""How far ahead the end of a ``private_key_jwt`` may lie, which is how long its ``jti`` is remembered."""

LEEWAY_S = 60
"""How far apart the clocks of client and server may be."""

MAX_ASSERTION_LENGTH = 8_192
MAX_KEYS = 100

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AssertionRegistry(JWSRegistry):
    """The algorithms that are taken, and headers with whatever else an issuer writes there."""

    def __init__(self) -> None:
        super().__init__(algorithms=ALGORITHMS, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """Return an algorithm, without the warning that EdDSA has a new name.

        :raises UnsupportedAlgorithmError: When it is none of ``ALGORITHMS``.
        """
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("the algorithm is not accepted")
        return self.algorithms[name]


def read_jwks(value: Any) -> KeySet:
    """Return a JWK Set (RFC 7517 §5), of which keys of a kind that is unknown are left out.

    :raises ValueError: When it is none, or holds a private or symmetric key.
    """
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS or not all(isinstance(key, dict) for key in keys):
        raise ValueError(f'a JWK Set is {{"keys": [...]}} with 1 to {MAX_KEYS} public keys (RFC 7517 §5)')
    if any("d" in key or key.get("kty") == "oct" for key in keys):
        raise ValueError("the JWK Set holds a private or symmetric key; register the public keys alone")
    try:
        read = KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError) as exc:
        raise ValueError("the JWK Set holds no key that can be read (RFC 7517)") from exc
    if not any(isinstance(key, RSAKey | ECKey | OKPKey) for key in read):
        raise ValueError("the JWK Set holds no RSA, EC or OKP key")
    return read


def check_https_url(url: str, name: str) -> None:
    """Refuse what is no https URL of a host.

    :raises ValueError: When it is not; ``name`` tells which value it was.
    """
    try:
        parts = urlsplit(url)
        is_https = parts.scheme == "https" and bool(parts.hostname) and not parts.username and not parts.fragment
        _ = parts.port  # Raises for a port that is no number.
    except ValueError:
        is_https = False
    if not is_https or not url.isascii() or any(each <= " " for each in url) or len(url) > 2_000:
        raise ValueError(f"{name} must be an https:// URL, without user name and fragment")


def check_redirect_uri(uri: str) -> None:
    """Refuse a redirect URI (RFC 6749 §3.1.2) that is no https URL, nor one of the loopback for tests.

    :raises ValueError: When it is neither.
    """
    loopback = ("http://127.0.0.1", "http://localhost", "http://[::1]")
    if uri.startswith(tuple(f"{each}{end}" for each in loopback for end in (":", "/"))):
        uri = f"https{uri.removeprefix('http')}"
    check_https_url(uri, "a redirect URI")
    if any(each in uri for each in "\"'<>\\;,"):
        raise ValueError("a redirect URI must hold no quotes, brackets, semicolons or commas; percent-encode them")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public Internet, and so may be asked for keys."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public(str(embedded))
    return ip.is_global and not ip.is_multicast
