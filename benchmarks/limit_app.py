"""The limit of the stack: a bare Flask view around one statement of the driver, nothing else.

Reads: one SELECT of a stored document by key. Writes: one INSERT and its commit.
"""

import os
import sqlite3
import threading
import uuid
from typing import Any

import psycopg
from flask import Flask, Response, request
from sqlalchemy import make_url

from benchmarks.limit_tables import SQLITE_PREFIX

app = Flask(__name__)

_URL = os.environ["SCIM_SERVER_DATABASE_URL"]
_MARK = "?" if _URL.startswith(SQLITE_PREFIX) else "%s"
_SELECT = f"SELECT document FROM limit_documents WHERE id = {_MARK}"
_INSERT = f"INSERT INTO limit_created (id, document) VALUES ({_MARK}, {_MARK})"
_MEDIA_TYPE = "application/scim+json"

_of_thread = threading.local()


def _connect() -> Any:
    """Return a connection that commits each statement by itself."""
    if _URL.startswith(SQLITE_PREFIX):
        file = sqlite3.connect(_URL.removeprefix(SQLITE_PREFIX), isolation_level=None, timeout=5)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        return file
    address = make_url(_URL).set(drivername="postgresql")
    return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)


def _driver() -> Any:
    """Return the connection of this thread."""
    connection = getattr(_of_thread, "connection", None)
    if connection is None:
        connection = _of_thread.connection = _connect()
    return connection


@app.get("/documents/<document_id>")
def read(document_id: str) -> Response:
    """Answer a stored document."""
    row = _driver().execute(_SELECT, (document_id,)).fetchone()
    return Response(row[0] if row else "", 200 if row else 404, mimetype=_MEDIA_TYPE)


@app.post("/documents")
def write() -> Response:
    """Store a document and answer it."""
    document = request.get_data(as_text=True)
    _driver().execute(_INSERT, (str(uuid.uuid4()), document))
    return Response(document, 201, mimetype=_MEDIA_TYPE)
