"""Identity providers."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/connections", permission="members:manage")
def connections_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Identity providers")


@page("/connections/<connection>", permission="members:manage")
def connection_page(visit: Visit, connection: str) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Identity provider")
