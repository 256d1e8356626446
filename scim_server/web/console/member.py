"""Member."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/members/<member>", permission="members:read")
def member_page(visit: Visit, member: str) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Member")
