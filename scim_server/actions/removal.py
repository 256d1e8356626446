"""The end of an organization: it refuses every request first, and is then removed batch by batch."""

import time
from functools import partial

from scim_server.actions.organizations import begin_deletion
from scim_server.store.organizations import Organization
from scim_server.store.removal import Place, delete_organization_row, delete_some
from scim_server.store.session import Credentials, KnownTokens, Store, Tenant, transact

BATCH = 1_000
"""How many rows one transaction removes."""


def delete_organization(
    store: Store, credentials: Credentials, *, if_match: str | None = None, budget_s: float = float("inf")
) -> Organization | None:
    """Delete an organization with everything in it, its trail included; one that was begun goes on where it stopped.

    :param budget_s: After how many seconds to stop, where it is not done by then.
    :return: What is left of it, None where nothing is.
    :raises NotFoundException: When there is none.
    :raises PreconditionFailedException: When ``if_match`` names another version.
    """
    left, begun = transact(store, credentials, lambda tenant: begin_deletion(tenant, if_match))
    if begun:
        time.sleep(KnownTokens.MAX_AGE_S)  # Until then a worker may take its tokens.
    ends_at = time.monotonic() + budget_s
    place = Place()
    while (following := transact(store, credentials, partial(_delete_batch, place))) is not None:
        place = following
        if time.monotonic() >= ends_at:
            return left
    return None


def _delete_batch(place: Place, tenant: Tenant) -> Place | None:
    """Delete the next rows; return where to go on, None when the organization is gone with them."""
    following = delete_some(tenant, BATCH, place)
    if following is not None:
        return following
    # NB: a request that was under way when the deletion began may have stored something since: once more, then.
    return None if delete_organization_row(tenant) else Place()
