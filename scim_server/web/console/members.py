"""The list of members: searched, narrowed, sorted and paged by its address; one row of it at a time can be edited."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import orjson
from flask import flash, render_template, request
from flask_babel import format_decimal, gettext
from scim2_models import PreconditionFailedException

from scim_server.actions.member_rows import change_row, changes_of, roles_to_give
from scim_server.actions.resources import prepare_patch
from scim_server.protocol.lifecycle import STATES, State
from scim_server.protocol.member_dates import MEMBER_USER_URN
from scim_server.protocol.patch import Patch
from scim_server.protocol.people import name_of
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.replies import etag
from scim_server.store.connections import list_connections
from scim_server.store.groups import find_group
from scim_server.store.member_lists import (
    LOCAL,
    MAX_FOUND,
    SORTS,
    HeldRole,
    Key,
    ListedMember,
    MemberPage,
    Sort,
    Wanted,
    connection_names,
    count_states,
    list_members,
    newest_groups,
    roles_of_each,
)
from scim_server.store.member_sessions import last_sign_ins
from scim_server.store.members import get_member
from scim_server.store.roles import RoleRecord, list_roles
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.member_fields import FIELDS, changes, fields_of, missing_fields
from scim_server.web.console.texts import in_language, state_name
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

LIMIT = 50
_MAX_TEXT = 200
_MAX_CHOICES = 200
"""How many teams, customer groups or connections are offered to narrow the list by."""

_GROUPS = ("role", "team", "customer_group")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of the list asks for; ``after`` is where its page starts."""

    values: Mapping[str, str]
    after: Key | None = None

    def __getattr__(self, name: str) -> str:
        """Return a filter, empty where it is not asked for."""
        return self.values.get(name, "")

    def query(self, **other: str) -> dict[str, str]:
        """Return the parameters of an address with these filters, and others in their place."""
        return {name: value for name, value in {**self.values, **other}.items() if value}

    @property
    def wanted(self) -> Wanted:
        """What the store is asked for."""
        values = self.values
        return Wanted(
            tuple(values.get("search", "").split()),
            tuple(values[name] for name in _GROUPS if name in values),
            cast(State | None, values.get("state")),
            values.get("origin"),
            cast(Sort, values.get("sort", "name")),
        )

    @property
    def narrows(self) -> bool:
        """Whether not all members are asked for."""
        return bool(self.values.keys() - {"sort"})


def read_filters() -> Filters:
    """Return the filters of the address; what nothing can be narrowed by is left out."""
    found = {name: clean(request.args.get(name, "")) for name in ("search", *_GROUPS, "state", "origin", "sort")}
    if found["state"] not in STATES:
        found["state"] = ""
    if found["sort"] not in SORTS:
        found["sort"] = ""
    return Filters({name: value for name, value in found.items() if value}, _read_place(request.args.get("after", "")))


def clean(text: str) -> str:
    """Return a text of one line as it is kept: without blanks around it, and what no database takes."""
    return " ".join(text.replace("\0", "").split())[:_MAX_TEXT]


def _read_place(text: str) -> Key | None:
    try:
        place = orjson.loads(base64.urlsafe_b64decode(text))
    except ValueError:
        return None
    if isinstance(place, list) and all(isinstance(each, str) and "\0" not in each for each in place):
        return tuple(place)
    return None


def _write_place(place: Key) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table."""

    member: ListedMember
    name: str
    fields: Mapping[str, str]
    roles: list[HeldRole]
    contact_roles: list[str]
    manager: str | None
    since: datetime | None
    signed_in_at: datetime | None

    @property
    def email(self) -> str:
        """The address to write to."""
        return self.fields["email"]


@dataclass(frozen=True, slots=True)
class Listed:
    """What the page of the list shows."""

    rows: list[Row]
    found: MemberPage
    counts: Mapping[State, int]
    choices: Mapping[str, list[tuple[str, str]]]
    givable: list[RoleRecord] = field(default_factory=list)


@page("/members", permission="members:read")
def members_page(visit: Visit) -> Page:
    """Show the members that are asked for."""
    return show_members(visit, read_filters(), request.args.get("edit") if visit.manages else None)


def show_members(
    visit: Visit,
    filters: Filters,
    edited: str | None = None,
    typed: Mapping[str, Any] | None = None,
    problem: str | None = None,
) -> str:
    """Return the page of the list.

    :param edited: The id of the member whose row is a form; ``typed`` is what was typed into it.
    """
    listed = visit.read(lambda tenant: _read_list(tenant, visit, filters))
    following = listed.found.following
    return render_template(
        "console/members.html",
        visit=visit,
        filters=filters,
        listed=listed,
        edited=edited,
        typed=typed,
        problem=problem,
        next_page=visit.url("members_page", **filters.query(after=_write_place(following))) if following else "",
        here=filters.query(after=_write_place(filters.after) if filters.after else ""),
        tabs=_tabs(visit, filters, listed.counts),
        changes=changes_of(visit.profile),
        you=fields_of(orjson.loads(visit.member.document)),
        role_name=lambda role: role_name(visit, role),
        sorts=[
            ("", gettext("Last name")),
            ("user_name", gettext("User name")),
            ("created", gettext("Newest first")),
        ],
    )


def role_name(visit: Visit, role: HeldRole | RoleRecord) -> str:
    """Return the name of a role in the language of the page."""
    template = visit.profile.roles.get(role.template or "")
    return in_language(template.name) if template else role.display


def _tabs(visit: Visit, filters: Filters, counts: Mapping[State, int]) -> list[tuple[str, str, bool]]:
    """Return the links to the members in each state: their text, address, and whether they are shown."""
    tabs = [(gettext("All"), visit.url("members_page"), not filters.state)]
    for state in STATES:
        number = format_decimal(min(counts[state], MAX_FOUND))
        many = gettext("more than %(number)s", number=number) if counts[state] > MAX_FOUND else number
        text = gettext("%(state)s: %(number)s", state=state_name(state), number=many)
        tabs.append((text, visit.url("members_page", state=state), filters.state == state))
    return tabs


def _read_list(tenant: Tenant, visit: Visit, filters: Filters) -> Listed:
    found = list_members(tenant, filters.wanted, after=filters.after, limit=LIMIT)
    ids = [each.id for each in found.members]
    roles, sign_ins = roles_of_each(tenant, ids), last_sign_ins(tenant, ids)
    names = connection_names(tenant, sorted({each.managed_by for each in found.members if each.managed_by}))
    rows = []
    for each in found.members:
        document = orjson.loads(each.document)
        rows.append(
            Row(
                each,
                name_of(document),
                fields_of(document),
                roles.get(each.id, []),
                document.get(MEMBER_USER_URN, {}).get("contactRoles", []),
                names.get(each.managed_by, each.managed_by) if each.managed_by else None,
                # Who was adopted later is managed since a day that is not kept.
                each.created_at if each.created_by == each.managed_by else None,
                sign_ins.get(each.id),
            )
        )
    givable = roles_to_give(tenant, visit.profile, visit.organization) if visit.manages else []
    return Listed(rows, found, count_states(tenant), _choices(tenant, visit, filters), givable)


def _choices(tenant: Tenant, visit: Visit, filters: Filters) -> dict[str, list[tuple[str, str]]]:
    """Return what the list can be narrowed by, what it is narrowed by among it."""
    roles = [(role.id, role_name(visit, role)) for role in list_roles(tenant)[:_MAX_CHOICES]]
    choices = {"role": roles, "team": newest_groups(tenant, "team")[:_MAX_CHOICES]}
    if visit.profile.policy.data_scope == "customer_groups":
        choices["customer_group"] = newest_groups(tenant, "customerGroup")[:_MAX_CHOICES]
    for name, offered in choices.items():
        asked = filters.values.get(name)
        if asked and all(asked != each for each, _ in offered) and (group := find_group(tenant, asked)) is not None:
            offered.append((group.id, group.display))
    connections = [(each.id, each.name) for each in list_connections(tenant, limit=_MAX_CHOICES)]
    return {**choices, "origin": [(LOCAL, gettext("Local")), *connections]}


@page("/members/<member>/row", permission="members:manage", methods=("GET", "POST"))
def save_member_row(visit: Visit, member: str) -> Page:
    """Keep what was typed into a row of the list."""
    filters = read_filters()
    if request.method == "GET":
        return visit.redirect("members_page", edit=member, **filters.query())
    form = request.form
    typed: dict[str, Any] = {name: clean(form[name]) for name in FIELDS if name in form}
    contact_roles = form.getlist("contactRoles") if "hasContactRoles" in form else None
    roles = [each for each in form.getlist("role") if each] if "hasRole" in form else None
    kept = {**typed, "contactRoles": contact_roles, "roles": roles}
    required = [path for field_name, path in FIELDS.items() if field_name in typed]
    missing = missing_fields(typed, [path for path in visit.profile.policy.required if path in required])
    if missing:
        problem = gettext("Fill in: %(fields)s.", fields=", ".join(missing))
        return show_members(visit, filters, member, kept, problem), 400
    try:
        visit.write(lambda tenant: _save(tenant, member, typed, contact_roles, roles, form.get("version", "")))
    except PreconditionFailedException:
        problem = gettext("Somebody else has changed this member in the meantime. Look again, then change them.")
        return show_members(visit, filters, member, None, problem), 412
    except Refusal as exc:
        status = getattr(exc, "status", 409)
        return show_members(visit, filters, member, kept, in_their_language(exc)), status
    flash(gettext("The changes are saved."), "success")
    after = request.args.get("after", "")
    return visit.redirect("members_page", **filters.query(after=after), _anchor=f"member-{member}")


def _save(
    tenant: Tenant,
    member_id: str,
    typed: Mapping[str, str],
    contact_roles: list[str] | None,
    roles: list[str] | None,
    version: str,
) -> None:
    definition = current_site().store.catalog.by_name("User")
    payload = changes(orjson.loads(get_member(tenant, member_id).document), typed, contact_roles)
    patch = Patch((), ())
    if payload["Operations"]:
        patch = prepare_patch(payload, definition, member_id, Leniences(PROFILES["rfc"]))
    seen = etag(int(version) if version.isdecimal() else 0, None)
    change_row(tenant, definition, member_id, patch, roles, seen)
