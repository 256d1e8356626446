"""What members do for themselves."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/profile")
def my_profile(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="My profile")


@page("/sessions")
def my_sessions(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="My sessions")
