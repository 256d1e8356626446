"""Roles."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/roles", permission="members:manage")
def roles_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Roles")


@page("/roles/<role>", permission="members:manage")
def role_page(visit: Visit, role: str) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Role")
