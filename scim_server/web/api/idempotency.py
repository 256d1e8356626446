"""``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again is done once."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import request
from scim2_models import SCIMException

from scim_server.protocol.idempotency import Answer
from scim_server.store.idempotency import Claim, claim, keep_answer, release
from scim_server.store.session import Credentials, Platform, Tenant, begin_platform
from scim_server.web.problems import BadFieldsException, problem
from scim_server.web.site import current_site

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A request that is claimed, with what its answer is sealed by."""

    claim: Claim
    secrets: tuple[str, ...]

    def keep(self, context: Platform | Tenant, answer: Answer) -> None:
        """Keep the answer, in the transaction that does what is asked for."""
        keep_answer(context, self.claim, current_site().answer_key.seal(answer, *self.secrets))


def answer_once(credentials: Credentials, body: bytes, answer: Callable[[Claimed | None], Answer]) -> Answer:
    """Return the answer to the request: the first one, where it was sent before with the same key.

    An error is kept like any other answer, unless the server is to blame: then the request can be sent again.
    """
    site = current_site()
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise BadFieldsException([{"header": HEADER, "detail": "must be 1 to 255 visible ASCII characters"}])
    secrets = (credentials.org_id, credentials.actor.kind, credentials.actor.id, key)
    asked = site.answer_key.digest(request.method, request.path, request.query_string, body)
    with begin_platform(site.store, write=True) as platform:
        found = claim(platform, site.answer_key.digest(*secrets), credentials.org_id, asked)
    if isinstance(found, bytes):
        return site.answer_key.unseal(found, *secrets)
    claimed = Claimed(found, secrets)
    try:
        return answer(claimed)
    except SCIMException as error:
        if error.status < 500:
            return _kept(claimed, error)
        _release(found)
        raise
    except Exception:
        _release(found)
        raise


def _kept(claimed: Claimed, error: SCIMException) -> Answer:
    response = problem(error)
    headers = {"Content-Type": response.content_type or ""}
    refused = Answer(response.status_code, headers, response.get_data(as_text=True))
    with begin_platform(current_site().store, write=True) as platform:
        claimed.keep(platform, refused)
    return refused


def _release(claimed: Claim) -> None:
    with begin_platform(current_site().store, write=True) as platform:
        release(platform, claimed)
