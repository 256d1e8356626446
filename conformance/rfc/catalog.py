"""All checks, ordered by section; importing a module registers its checks."""

from conformance.rfc import (
    authentication,
    bulk,
    concurrency,
    create,
    cursors,
    delete,
    discovery,
    errors,
    filters,
    groups,
    media,
    paging,
    patch_add,
    patch_remove,
    patch_replace,
    patch_rules,
    projection,
    read,
    replace,
    search,
    sorting,
    versions,
)
from conformance.rfc.check import REGISTERED, Check

SECTIONS = {
    "discovery": "Discovery and schemas",
    "auth": "Authentication",
    "media": "Media types",
    "types": "Data types",
    "create": "Creating",
    "read": "Reading",
    "list": "Listing",
    "filter": "Filtering",
    "sort": "Sorting",
    "page": "Paging by index",
    "cursor": "Paging by cursor",
    "projection": "Attributes returned",
    "search": "Search by POST",
    "replace": "Replacing by PUT",
    "patch": "Modifying by PATCH",
    "delete": "Deleting",
    "bulk": "Bulk operations",
    "version": "Versions (ETag)",
    "error": "Errors",
    "me": "/Me",
    "group": "Groups and members",
    "password": "Passwords",
    "concurrency": "Concurrency",
}

MODULES = (
    discovery, authentication, media, create, read, filters, sorting, paging, cursors, projection, search, replace,
    patch_add, patch_remove, patch_replace, patch_rules, delete, bulk, versions, errors, groups, concurrency,
)  # fmt: skip


def all_checks() -> list[Check]:
    """Every check, section by section, in the order they are written."""
    order = list(SECTIONS)
    return sorted(REGISTERED.values(), key=lambda check: order.index(check.section))
