"""The connections of an organization: its identity providers and HR systems."""

from scim_server.actions.organizations import change_connection, create_connection, get_connection
from scim_server.protocol.provisioning import Provisioning
from scim_server.protocol.replies import etag
from scim_server.store.connections import ConnectionRecord, list_connections
from scim_server.store.health import ConnectionHealth, read_health
from scim_server.store.session import Tenant
from scim_server.web.api import schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page

_CONNECTIONS = "/organizations/<organization>/connections"
_CONNECTION = f"{_CONNECTIONS}/<connection>"
_ANSWER = schemas.Connection()


@operation("GET", _CONNECTIONS, scope="org:admin", query=schemas.PageQuery(), answer=schemas.Connections())
def list_all_connections(call: Call) -> Reply:
    """List the connections in the order of their names."""

    def read(after: str | None, limit: int) -> list[ConnectionRecord]:
        return call.read(lambda tenant: list_connections(tenant, after=after or "", limit=limit))

    return page(call, read, lambda each: each.name)


@operation(
    *("POST", _CONNECTIONS), scope="org:admin", body=schemas.NewConnection(), answer=_ANSWER, status=201, versioned=True
)
def create_a_connection(call: Call) -> Reply:
    """Create a connection for an identity provider or HR system."""

    def action(tenant: Tenant) -> Reply:
        assert call.organization is not None
        rules = dict(call.body)
        created = create_connection(tenant, rules.pop("name"), rules.pop("profile"), Provisioning(**rules))
        return _reply(created, location=f"/organizations/{call.organization.slug}/connections/{created.id}")

    return call.write(action)


@operation("GET", _CONNECTION, scope="org:admin", answer=_ANSWER, versioned=True)
def get_a_connection(call: Call, connection: str) -> Reply:
    """Read a connection."""
    check_id("connection", connection)
    return _reply(call.read(lambda tenant: get_connection(tenant, connection)))


@operation("GET", f"{_CONNECTION}/health", scope="org:admin", answer=schemas.Health())
def get_health(call: Call, connection: str) -> Reply:
    """Read how a connection does: its last request, its last error, and its requests by the hour, some seconds old."""
    check_id("connection", connection)

    def read(tenant: Tenant) -> ConnectionHealth:
        return read_health(tenant, get_connection(tenant, connection).id)

    return Reply(call.read(read))


@operation("PATCH", _CONNECTION, scope="org:admin", body=schemas.ConnectionChanges(), answer=_ANSWER, versioned=True)
def change_a_connection(call: Call, connection: str) -> Reply:
    """Change the profile or the rules of a connection, enable or disable it."""
    check_id("connection", connection)
    return call.write(lambda tenant: _reply(change_connection(tenant, connection, call.body, call.if_match)))


def _reply(connection: ConnectionRecord, *, location: str | None = None) -> Reply:
    return Reply(connection, etag(connection.version, None), location)
