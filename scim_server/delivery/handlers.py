"""What is done for each kind of delivery."""

from scim_server.delivery.worker import Handlers

HANDLERS: Handlers = {}
