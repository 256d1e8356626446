"""What a failure of the database means, for the operator who runs a command."""

from alembic.util import CommandError
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from scim_server.protocol.errors import UnavailableException

_INSUFFICIENT_PRIVILEGE = "42501"
_MAX_LENGTH = 300


def failure_reason(error: BaseException) -> str | None:
    """Return in one line why the database failed, None for an error that is not its."""
    if isinstance(error, UnavailableException):
        error = error.__cause__ or error
    if isinstance(error, CommandError):
        return f"the database is not one this release knows, a newer one may have migrated it: {_one_line(error)}"
    if isinstance(error, ArgumentError | NoSuchModuleError):
        return "SCIM_SERVER_DATABASE_URL is no URL of a database"
    if isinstance(error, DBAPIError):
        reason = _one_line(error.orig or error)
        if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
            return f"the role in SCIM_SERVER_DATABASE_URL may not do this: {reason}"
        return f"the database in SCIM_SERVER_DATABASE_URL does not work: {reason}"
    if isinstance(error, PoolTimeoutError | UnavailableException):
        return "the database in SCIM_SERVER_DATABASE_URL does not answer in time"
    return None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_MAX_LENGTH]
