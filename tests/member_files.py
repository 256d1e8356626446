"""A CSV file of members, uploaded and verified as a worker does it, for tests that need rows of each table."""

from scim_server.actions.imports import upload, verify_some
from tests.directory import Organization

FILE = "userName,email,givenName,familyName\n{mark},{mark}@example.com,Ada,Lovelace\n{mark}2,none,,\n"


def filled_import(organization: Organization, mark: str = "imported") -> str:
    """Upload a file with a member and with faults, verify it, and return the id of the import."""
    uploaded = upload(organization.store, organization.operator, [FILE.format(mark=mark).encode()])
    found = verify_some(organization.store, organization.operator, uploaded.id)
    assert (found.status, found.created, found.faulty) == ("faulty", 1, 1)
    return uploaded.id
