"""What the API says of imports of members."""

from marshmallow import fields

from scim_server.web.api.fields import Body, Moment, choice, identifier
from scim_server.web.api.schemas import PageOf, PageQuery

_STATUSES = ("uploading", "uploaded", "verifying", "verified", "faulty", "importing", "imported")
_VERDICTS = ("create", "change", "leave", "fault")


def _count(description: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description})


class Import(Body):
    """A file of members and how far it has come; while it is imported, the counts are of what is done."""

    id = identifier("Given by the server.", required=True)
    status = choice(
        "`verified` can be imported; `faulty` has rows to mend, in a new upload.", *_STATUSES, required=True
    )
    digest = fields.String(
        required=True, allow_none=True, metadata={"description": "The SHA-256 of the file, which is what is imported."}
    )
    size_bytes = _count("How large the file is.")
    rows_done = _count("How many rows the verification, or the import, has gone through.")
    rows_total = _count("How many there are.")
    created = _count("Rows that create a member.")
    changed = _count("Rows that change one.")
    unchanged = _count("Rows that say what is so already.")
    faulty = _count("Rows with faults.")
    faults = _count("How many faults there are in all, of which the first thousand are kept.")
    created_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)


class Imports(PageOf):
    """Imports, the latest first."""

    items = fields.List(fields.Nested(Import()), required=True)


class Fault(Body):
    """What is wrong with a row or one of its cells, and what is accepted."""

    row = fields.Integer(
        required=True, attribute="row_number", metadata={"description": "As a spreadsheet counts: the header is 1."}
    )
    column = fields.String(
        required=True,
        attribute="column_name",
        allow_none=True,
        metadata={"description": "null where it is the row as a whole."},
    )
    detail = fields.String(required=True)


class Faults(PageOf):
    """Faults in the order of the rows."""

    items = fields.List(fields.Nested(Fault()), required=True)


class RowQuery(PageQuery):
    """The page of the rows of an import."""

    verdict = choice("The only rows to list.", *_VERDICTS)


class CellDifference(Body):
    """What a member has in a column, and what the row says."""

    from_ = fields.String(required=True, data_key="from", attribute="from")
    to = fields.String(required=True)


class Row(Body):
    """What a row does, or would do."""

    row = fields.Integer(
        required=True, attribute="number", metadata={"description": "As a spreadsheet counts: the header is 1."}
    )
    verdict = choice("What it does with the member.", *_VERDICTS, required=True)
    member = fields.String(
        required=True,
        attribute="display",
        allow_none=True,
        metadata={"description": "The userName, or else the externalId, as the row has it."},
    )
    member_id = fields.String(
        required=True, attribute="user_id", allow_none=True, metadata={"description": "null where it creates one."}
    )
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(CellDifference()),
        required=True,
        allow_none=True,
        metadata={"description": "By column, of a member who is changed."},
    )


class Rows(PageOf):
    """Rows in their order; those that are blank are left out."""

    items = fields.List(fields.Nested(Row()), required=True)
