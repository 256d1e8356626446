"""Letters that tell a member of something, and open nothing."""

import orjson

from scim_server.actions.letters import Letter, letter_to
from scim_server.protocol.people import email_of
from scim_server.store.deliveries import Delivery, cancel, finish, schedule
from scim_server.store.members import find_member
from scim_server.store.session import Tenant
from scim_server.store.tokens import DigestKey

DELIVERY = "assigned"
"""The kind of its deliveries."""


def tell_assigned(tenant: Tenant, member_id: str, object_type: str, object_id: str) -> None:
    """Tell a member that something is theirs to follow; of a group, nobody is told."""
    schedule(tenant, DELIVERY, member_id, about=f"{object_type} {object_id}")


def tell_not_assigned(tenant: Tenant, member_id: str, object_type: str, object_id: str) -> None:
    """Leave out what is not theirs any more, where they were not told yet."""
    cancel(tenant, DELIVERY, member_id, about=f"{object_type} {object_id}")


def prepare_notice(tenant: Tenant, _key: DigestKey, delivery: Delivery) -> Letter | None:
    """Return the letter that is due; None where nobody reads it."""
    member = find_member(tenant, delivery.subject)
    if member is None or member.state != "active" or email_of(orjson.loads(member.document)) is None:
        finish(tenant, delivery)
        return None
    return letter_to(tenant, member, DELIVERY, about=delivery.about)


def finish_notice(tenant: Tenant, delivery: Delivery, _letter: Letter) -> None:
    """Keep that the member was told."""
    finish(tenant, delivery)
