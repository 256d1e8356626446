"""Files of members that a worker verifies and imports, a slice at a time, so that nothing else that is due waits."""

from collections.abc import Callable

from scim2_models import ConflictException, NotFoundException

from scim_server.actions.imports import IMPORT, VERIFICATION, import_some, in_the_name_of, verify_some
from scim_server.delivery.mail import DeliveryError
from scim_server.delivery.worker import Desk, Handler, Handlers
from scim_server.store.deliveries import Delivery, finish, schedule
from scim_server.store.imports import ImportRecord, get_import
from scim_server.store.session import Credentials, Store, Tenant

SLICE_S = 5.0
"""How long a worker is at one file before it looks at what else is due."""

_Step = Callable[[Store, Credentials, str, float], ImportRecord]


def _do(step: _Step, desk: Desk, delivery: Delivery) -> None:
    """Verify or import the next slice of a file; it is due again at once where there is more."""
    try:
        found = desk.transact(delivery, lambda tenant: get_import(tenant, delivery.subject))
        found = step(desk.store, in_the_name_of(found, delivery.org_id), delivery.subject, SLICE_S)
    except NotFoundException:
        desk.transact(delivery, lambda tenant: finish(tenant, delivery))  # It was deleted.
        return
    except ConflictException as exc:
        raise DeliveryError(str(exc.detail)) from exc
    desk.transact(delivery, lambda tenant: _go_on(tenant, delivery, found))


def _go_on(tenant: Tenant, delivery: Delivery, found: ImportRecord) -> None:
    finish(tenant, delivery)
    if found.status in ("verifying", "importing"):
        schedule(tenant, delivery.kind, delivery.subject)


HANDLERS: Handlers = {
    VERIFICATION: Handler(lambda desk, delivery: _do(verify_some, desk, delivery)),
    IMPORT: Handler(lambda desk, delivery: _do(import_some, desk, delivery)),
}
