"""Rows: everything the product keeps, in SQLite or PostgreSQL, through SQLAlchemy Core.

Every function takes a :class:`~scim_server.store.session.Tenant` first and names its ``org_id``
in every statement; the few that span organizations take a
:class:`~scim_server.store.session.Platform`. It may import ``protocol``, and nothing above
imports SQLAlchemy.
"""
