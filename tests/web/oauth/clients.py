"""Clients of the token endpoint: registered as an operator does it, and what they send."""

import json
import time
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, KeySet

from scim_server.actions.clients import Registration, create_client
from scim_server.protocol.assertions import ALGORITHMS
from scim_server.store.clients import OAuthClient
from scim_server.store.session import begin
from tests.directory import KEY, Organization, unique

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REDIRECT_URI = "https://system-admin.okta.example/admin/app/cpc/portal/oauth/callback"


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it was registered, with its secret, if it has one."""

    client: OAuthClient
    secret: str

    @property
    def id(self) -> str:
        return self.client.id

    @property
    def basic(self) -> tuple[str, str]:
        return self.id, self.secret


def register(organization: Organization, **asked: Any) -> Registered:
    """Register a client of the connection `default`."""
    registration = Registration(**{"name": unique("client"), "connection_name": "default", "scope": "scim", **asked})
    with begin(organization.store, organization.operator, write=True) as tenant:
        client, secret = create_client(tenant, KEY, registration)
    return Registered(client, secret or "")


def new_key(kid: str = "key-1") -> ECKey:
    """Return a key a client signs with."""
    return ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256", "use": "sig"})


def jwks(*keys: Key) -> Any:
    """Return the public keys as a client publishes them."""
    return KeySet(list(keys)).as_dict(private=False)


def assertion(key: Any, alg: str = "ES256", **claims: Any) -> str:
    """Return an assertion that a key signs; a claim that is None is left out."""
    sent = {"exp": int(time.time()) + 120, "iat": int(time.time()), **claims}
    kept = {name: value for name, value in sent.items() if value is not None}
    header = {"alg": alg, **({"kid": key.kid} if key.kid else {})}
    # NB: not jwt.encode, which refuses some of what a test wants to send.
    return jws.serialize_compact(header, json.dumps(kept), key, algorithms=[*ALGORITHMS, "HS256"])


def by_assertion(signed: str, **form: str) -> dict[str, str]:
    """Return the form of a request that an assertion authenticates."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        **form,
    }
