"""What members have agreed to, by document and version, with the time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.store.access_tables import consents
from scim_server.store.session import Tenant

Through = Literal["invitation", "sign_in", "portal"]


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """That a member has agreed to a version of a document; ``through`` is at what."""

    document: str
    version: str
    given_at: datetime
    through: str


_COLUMNS = tuple(consents.c[name] for name in ConsentRecord.__slots__)


def list_consents(tenant: Tenant, user_id: str) -> list[ConsentRecord]:
    """Return what a member has agreed to, the first of it first."""
    of_user = (consents.c.org_id == tenant.org_id, consents.c.user_id == user_id)
    order = (consents.c.given_at, consents.c.document, consents.c.version)
    return [ConsentRecord(*row) for row in tenant.db.execute(select(*_COLUMNS).where(*of_user).order_by(*order))]


def keep_consents(tenant: Tenant, user_id: str, given: Mapping[str, str], through: Through) -> dict[str, str]:
    """Keep which versions of documents a member agrees to; return those that they had not agreed to before."""
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    common = {"org_id": tenant.org_id, "user_id": user_id, "given_at": tenant.now, "through": through}
    new = {}
    for document, version in sorted(given.items()):
        row = dialect.insert(consents).values(**common, document=document, version=version)
        if tenant.db.execute(row.on_conflict_do_nothing()).rowcount:
            new[document] = version
    return new
