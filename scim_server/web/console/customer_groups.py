"""Customer groups."""

from flask import render_template

from scim_server.web.console.visits import Page, Visit, page


@page("/customer-groups", permission="members:manage")
def customer_groups_page(visit: Visit) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Customer groups")


@page("/customer-groups/<group>", permission="members:manage")
def customer_group_page(visit: Visit, group: str) -> Page:
    """Show the page."""
    return render_template("console/placeholder.html", visit=visit, title="Customer group")
