"""What is kept of a request with an ``Idempotency-Key``: digests of it, and its answer, sealed.

An answer may hold a secret that is shown once. It is sealed under a key that follows from the server's secret and
from the Idempotency-Key, which is kept nowhere: the database alone opens none, nor with the server's secret.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson
from cryptography.fernet import Fernet


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes out, but for the headers that every answer gets."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """The key of digests and answers; every process of a server derives the same."""

    secret: bytes

    @classmethod
    def derive(cls, secret_key: str) -> "AnswerKey":
        """Return the key under the server's secret key."""
        return cls(hmac.digest(secret_key.encode(), b"scim-server idempotency", "sha256"))

    def digest(self, *parts: str | bytes) -> str:
        """Return the keyed digest of what a request consists of."""
        return self._derived(b"digest", parts).hex()

    def seal(self, answer: Answer, *parts: str | bytes) -> bytes:
        """Return an answer so that only who knows these parts can read it."""
        return self._fernet(parts).encrypt(orjson.dumps(asdict(answer)))

    def unseal(self, sealed: bytes, *parts: str | bytes) -> Answer:
        """Return the answer that was sealed with the same parts."""
        return Answer(**orjson.loads(self._fernet(parts).decrypt(sealed)))

    def _fernet(self, parts: tuple[str | bytes, ...]) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._derived(b"seal", parts)))

    def _derived(self, purpose: bytes, parts: tuple[str | bytes, ...]) -> bytes:
        encoded = [part.encode() if isinstance(part, str) else part for part in parts]
        # With its length before each, no two lists of parts are the same bytes.
        content = b"".join(len(part).to_bytes(8) + part for part in (purpose, *encoded))
        return hmac.digest(self.secret, content, "sha256")
