"""What is done for each kind of delivery.

A letter is sent between two transactions: one makes its link, the other keeps that it was sent. Who dies between them
has it sent again, with a new link: the one before opens nothing then.
"""

from collections.abc import Callable

from scim_server.actions import invitations, notices, password_resets
from scim_server.actions.dates import reach_day
from scim_server.actions.letters import Letter
from scim_server.delivery import imports
from scim_server.delivery.letters import written
from scim_server.delivery.mail import DeliveryError, compose
from scim_server.delivery.worker import Desk, Handler, Handlers
from scim_server.store.calendar import END, START
from scim_server.store.deliveries import Delivery
from scim_server.store.session import Tenant
from scim_server.store.tokens import DigestKey


def _send(
    desk: Desk,
    delivery: Delivery,
    prepare: Callable[[Tenant, DigestKey, Delivery], Letter | None],
    finish: Callable[[Tenant, Delivery, Letter], None],
) -> None:
    """Send the letter of a delivery, where somebody still waits for it."""
    if desk.mailer is None:
        raise DeliveryError("no e-mail is sent: set SCIM_SERVER_SMTP_URL and SCIM_SERVER_MAIL_FROM for the worker")
    if desk.base_url is None:
        raise DeliveryError("no link can be made: set SCIM_SERVER_BASE_URL for the worker")
    letter = desk.transact(delivery, lambda tenant: prepare(tenant, desk.key, delivery))
    if letter is None:
        return
    subject, text = written(letter, desk.base_url)
    desk.mailer.send(compose(desk.mail_from, letter.address, letter.name, subject, text, desk.store.clock()))
    desk.transact(delivery, lambda tenant: finish(tenant, delivery, letter))


def _send_invitation(desk: Desk, delivery: Delivery) -> None:
    _send(desk, delivery, invitations.prepare_invitation, invitations.finish_invitation)


def _send_reset(desk: Desk, delivery: Delivery) -> None:
    _send(desk, delivery, password_resets.prepare_reset, password_resets.finish_reset)


def _send_notice(desk: Desk, delivery: Delivery) -> None:
    _send(desk, delivery, notices.prepare_notice, notices.finish_notice)


def _answer_request(desk: Desk, delivery: Delivery) -> None:
    desk.transact(delivery, lambda tenant: password_resets.answer_request(tenant, delivery))


def _reach_day(desk: Desk, delivery: Delivery) -> None:
    desk.transact(delivery, lambda tenant: reach_day(tenant, delivery))


HANDLERS: Handlers = {
    **imports.HANDLERS,
    invitations.DELIVERY: Handler(_send_invitation, invitations.give_up_invitation),
    password_resets.DELIVERY: Handler(_send_reset),
    password_resets.REQUEST: Handler(_answer_request),
    notices.DELIVERY: Handler(_send_notice),
    START: Handler(_reach_day),
    END: Handler(_reach_day),
}
