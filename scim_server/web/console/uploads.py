"""Files that are larger than any other body: who is signed in may send them, and they are never held whole.

The form that a file stands in is read before its view is called, since the token that proves the form stands in it too.
Werkzeug writes what is large to a temporary file as it comes, which ends with the request.
"""

from flask import request
from scim2_models import PayloadTooLargeException

from scim_server.actions.imports import MAX_FILE_BYTES
from scim_server.web.console.visits import organization_named, visit_of

_ENDPOINT = "console.imports_page"

_BESIDE_THE_FILE_BYTES = 64 * 1024

_TEXT_PART_BYTES = 256 * 1024
"""NB: werkzeug holds a file against the limit of text parts too, by pieces of 64 KB and what is left of the one before:
with a limit of 64 KB it would refuse larger files, depending on where their lines end."""


def admit_upload() -> None:
    """Raise how much a request may send, where it is one by which who manages members uploads a file.

    :raises PayloadTooLargeException: When it sends more than that.
    """
    if request.mimetype == "multipart/form-data":
        request.max_form_memory_size = _TEXT_PART_BYTES
    if request.endpoint != _ENDPOINT or request.method != "POST" or request.view_args is None:
        return
    visit = visit_of(organization_named(request.view_args["organization"]))
    if visit is None or not visit.manages:
        return
    length = request.content_length
    if length is not None and length > MAX_FILE_BYTES + _BESIDE_THE_FILE_BYTES:
        raise PayloadTooLargeException(detail=f"the file is larger than {MAX_FILE_BYTES} bytes; upload it in parts")
    request.max_content_length = MAX_FILE_BYTES + _BESIDE_THE_FILE_BYTES
