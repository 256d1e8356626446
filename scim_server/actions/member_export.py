"""The members of an organization as a CSV file, which imported as it is changes nothing."""

from collections.abc import Iterator

from scim_server.actions.portals import organization_of
from scim_server.protocol.csv_records import write_record
from scim_server.protocol.member_csv import COLUMNS, cells_of, header
from scim_server.store.member_rows import GroupPaths, MemberRow, group_names, list_rows_after
from scim_server.store.session import Credentials, Store, Tenant, begin, transact
from scim_server.store.trail import record

MEMBERS_AT_ONCE = 500

# Without it, a spreadsheet takes the file for one in the encoding of its own system.
BOM = b"\xef\xbb\xbf"
_DELIMITERS = {"fr": ";"}
"""What a spreadsheet in a language separates cells by, where that is no comma."""


def template(tenant: Tenant) -> bytes:
    """Return a file to fill: the names of the columns, as spreadsheets in the organization's language read them."""
    return BOM + header(delimiter_for(tenant)).encode()


def delimiter_for(tenant: Tenant) -> str:
    """Return what separates the cells of a file for the organization."""
    return _DELIMITERS.get(organization_of(tenant).language, ",")


def export_members(store: Store, credentials: Credentials) -> Iterator[bytes]:
    """Yield the file piece by piece, in the order of the members' ids; the trail says that it was asked for.

    Each piece is a statement of its own: no connection to the database waits for a slow reader.
    """
    delimiter = transact(store, credentials, _begin)
    return _pieces(store, credentials, delimiter)


def _begin(tenant: Tenant) -> str:
    record(tenant, "member.export", "Organization", tenant.org_id, {})
    return delimiter_for(tenant)


def _pieces(store: Store, credentials: Credentials, delimiter: str) -> Iterator[bytes]:
    yield BOM + header(delimiter).encode()
    after = ""
    while True:
        with begin(store, credentials, write=False) as tenant:
            members = list_rows_after(tenant, after, MEMBERS_AT_ONCE)
            lines = _lines(tenant, members, delimiter)
        if lines:
            yield lines.encode()
        if len(members) < MEMBERS_AT_ONCE:
            return
        after = members[-1].id


def _lines(tenant: Tenant, members: list[MemberRow], delimiter: str) -> str:
    paths = GroupPaths(tenant)
    groups = paths.of_members([member.id for member in members])
    rows = (cells_of(each.document, each.active, group_names(paths, groups[each.id])) for each in members)
    return "".join(write_record((row[column] for column in COLUMNS), delimiter) for row in rows)
