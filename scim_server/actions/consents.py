"""What members agree to before they have access: the documents of the portal profile, each in its version."""

from collections.abc import Mapping

from scim2_models import InvalidValueException

from scim_server.protocol.portals import Consent, PortalProfile
from scim_server.store.consents import Through, keep_consents, list_consents
from scim_server.store.session import Tenant
from scim_server.store.trail import record


def missing_consents(tenant: Tenant, profile: PortalProfile, member_id: str) -> list[Consent]:
    """Return what a member has not agreed to yet in its present version."""
    given = {(each.document, each.version) for each in list_consents(tenant, member_id)}
    return [each for each in profile.consents.values() if (each.key, each.version) not in given]


def give_consents(
    tenant: Tenant, profile: PortalProfile, member_id: str, given: Mapping[str, str], through: Through
) -> None:
    """Keep what a member agrees to, with the time.

    :param given: The version of each document.
    :raises InvalidValueException: When the portal asks for no such document, or for another version.
    """
    for document, version in given.items():
        asked = profile.consents.get(document)
        if asked is None:
            accepted = ", ".join(profile.consents) or "none"
            raise InvalidValueException(detail=f"{document[:100]!r} is nothing to agree to; accepted: {accepted}")
        if asked.version != version:
            detail = f"the version of {document} is {asked.version!r}, not {version[:100]!r}; show the person that one"
            raise InvalidValueException(detail=detail)
    new = keep_consents(tenant, member_id, given, through)
    if new:
        record(tenant, "user.consent", "User", member_id, {key: {"to": version} for key, version in new.items()})


def give_all_consents(
    tenant: Tenant, profile: PortalProfile, member_id: str, given: Mapping[str, str], through: Through
) -> None:
    """Keep what a member agrees to, which must leave nothing to ask.

    :raises InvalidValueException: When something is missing, or is not asked for.
    """
    give_consents(tenant, profile, member_id, given, through)
    missing = missing_consents(tenant, profile, member_id)
    if missing:
        wanted = ", ".join(f"{each.key} (version {each.version})" for each in missing)
        raise InvalidValueException(detail=f"the person must agree to {wanted}")
