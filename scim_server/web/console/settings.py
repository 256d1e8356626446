"""Settings."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/settings", permission="members:manage")
def settings_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Settings")
