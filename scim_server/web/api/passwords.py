"""Access as it is given by administrators, and the links by which people choose their passwords."""

from scim_server.actions.members import grant_access
from scim_server.actions.password_resets import request_reset, reset_password, send_reset
from scim_server.actions.passwords import digest_chosen
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.session import Tenant
from scim_server.web.api import access_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.members import MEMBER
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.site import current_site

_RESETS = "/organizations/<organization>/password-resets"


@operation(
    *("POST", f"{MEMBER}/access"), scope="members:write", permission=MANAGE_MEMBERS, answer=schemas.MemberState()
)
def give_access(call: Call, member: str) -> Reply:
    """Give a member access. Who has no password, and no identity provider, is sent the link to choose one."""
    check_id("member", member)
    return call.write(lambda tenant: Reply(grant_access(tenant, member)))


@operation("POST", f"{MEMBER}/password-reset", scope="members:write", permission=MANAGE_MEMBERS, status=202)
def send_a_password_reset(call: Call, member: str) -> Reply:
    """Send a member the link to choose a new password; the old one works until they do.

    A member is sent 5 an hour; what is more is answered with 429.
    """
    check_id("member", member)
    current_site().limits.count_reset(call.credentials.org_id, member, None)

    def action(tenant: Tenant) -> Reply:
        send_reset(tenant, member)
        return Reply()

    return call.write(action)


@operation("POST", _RESETS, scope="members:write", body=schemas.ResetRequest(), status=202)
def request_a_password_reset(call: Call) -> Reply:
    """Have the link to choose a new password sent to whom an address belongs. The answer is the same for everybody.

    An address is taken 5 times an hour, a `client_address` 30 times; what is more is answered with 429.
    """
    site, address = current_site(), call.body["address"]
    site.limits.count_reset(call.credentials.org_id, address, call.body.get("client_address"))

    def action(tenant: Tenant) -> Reply:
        request_reset(tenant, site.digest_key, address)
        return Reply()

    return call.write(action)


@operation("POST", f"{_RESETS}/complete", scope="members:write", body=schemas.NewPassword(), status=204)
def complete_a_password_reset(call: Call) -> Reply:
    """Give who has the link the password they chose. The link works once, and all their sessions end."""
    key, digest = current_site().digest_key, digest_chosen(call.body["password"])

    def action(tenant: Tenant) -> Reply:
        reset_password(tenant, key, call.body["link"], digest)
        return Reply()

    return call.write(action)
