"""Teams."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/teams", permission="members:manage")
def teams_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Teams")


@page("/teams/<team>", permission="members:manage")
def team_page(visit: Visit, team: str) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Team")
