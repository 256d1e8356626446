"""Members."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/members", permission="members:read")
def members_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Members")


@page("/members/new", permission="members:manage")
def new_member(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="New member")
