"""Identity providers."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/connections", permission="members:manage")
def connections_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Identity providers")
