"""Import and export."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/imports", permission="members:manage")
def imports_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Import and export")
