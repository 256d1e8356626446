"""Mappings: which role or customer group people get by what an identity provider says of them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from flask import flash, render_template, request
from flask_babel import gettext
from scim2_models import NotFoundException

from scim_server.actions.effects import Effect
from scim_server.actions.mappings import MAX_PREVIEWED, Wanted, create_mapping, preview, remove_mapping
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.protocol.projection import Projection
from scim_server.protocol.queries import Query
from scim_server.store.connections import ConnectionRecord, list_connections
from scim_server.store.groups import GroupRecord, find_group, get_group
from scim_server.store.mappings import Mapping, Source, get_mapping, list_mappings, list_pushed_groups
from scim_server.store.roles import list_roles
from scim_server.store.search import search_resources
from scim_server.store.session import Tenant, savepoint
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.connections import connection_of
from scim_server.web.console.reading import check_id, chosen, chosen_id, text_in_query, typed
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page

PAGE = 20
SHOWN = 100
"""How many people a dry run shows, and how many choices a form has of a kind."""

_SOURCES: tuple[Source, ...] = ("group", "role")


@dataclass(frozen=True, slots=True)
class Shown:
    """A mapping with the names of what it leads from and to."""

    mapping: Mapping
    connection: ConnectionRecord | None
    group: GroupRecord | None


@dataclass(frozen=True, slots=True)
class Person:
    """What a change gives one member and takes from them, in words."""

    member_id: str
    name: str
    gives: Sequence[str]
    takes: Sequence[str]


@page("/mappings", permission=MANAGE_MEMBERS)
def mappings_page(visit: Visit) -> Page:
    """List what gives a role or a customer group to whom an identity provider says it of."""

    def read(tenant: Tenant) -> list[Shown]:
        return [_shown(tenant, each) for each in list_mappings(tenant, after=text_in_query("after"), limit=PAGE + 1)]

    shown = visit.read(read)
    following = visit.url("mappings_page", after=shown[PAGE - 1].mapping.id) if len(shown) > PAGE else None
    first = visit.url("mappings_page") if request.args.get("after") else None
    return render_template("console/mappings.html", visit=visit, shown=shown[:PAGE], following=following, first=first)


def _shown(tenant: Tenant, mapping: Mapping) -> Shown:
    try:
        connection = connection_of(tenant, mapping.connection_id)
    except NotFoundException:
        connection = None
    return Shown(mapping, connection, find_group(tenant, mapping.group_id))


@page("/mappings/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_mapping(visit: Visit) -> Page:
    """Ask what is to be mapped, show person by person what that changes, and do it once that is confirmed."""
    if request.method == "GET":
        return _mapping_form(visit)
    try:
        wanted = Wanted(
            chosen_id("connection"),
            _source(),
            typed("value", 200),
            chosen_id("group"),
        )
        if "confirmed" in request.form:
            visit.write(partial(_create, wanted))
            flash(gettext("The mapping is made."), "success")
            return visit.redirect("mappings_page")
        connection, group, effects = visit.write(partial(_dry_run, wanted))
    except Refusal as exc:
        return _mapping_form(visit, exc), getattr(exc, "status", 409)
    return render_template(
        "console/mapping_preview.html",
        visit=visit,
        connection=connection,
        group=group,
        wanted=wanted,
        people=_people(visit, effects),
        more=max(0, len(effects) - SHOWN),
        most=MAX_PREVIEWED,
    )


def _source() -> Source:
    """Return what a mapping of the form leads from."""
    return "group" if chosen("source", _SOURCES) == "group" else "role"


def _create(wanted: Wanted, tenant: Tenant) -> Mapping:
    connection_of(tenant, wanted.connection)
    return create_mapping(tenant, wanted)


def _dry_run(wanted: Wanted, tenant: Tenant) -> tuple[ConnectionRecord, GroupRecord, list[Effect]]:
    connection = connection_of(tenant, wanted.connection)
    group = get_group(tenant, wanted.group_id)
    effects = preview(tenant, wanted, None)
    _try(tenant, partial(_create, wanted))
    return connection, group, effects


class _UndoneError(Exception):
    """Ends a try."""


def _try(tenant: Tenant, action: Callable[[Tenant], object]) -> None:
    """Do something and undo it, so that what would be refused once it is confirmed is refused before."""
    with suppress(_UndoneError), savepoint(tenant):
        action(tenant)
        raise _UndoneError


def _mapping_form(visit: Visit, problem: Exception | None = None) -> str:
    """Return the form, its choices bounded: customer groups by what is looked for."""
    asked = request.values.get("connection", "")
    looked_for = text_in_query("q")

    def read(tenant: Tenant) -> dict[str, object]:
        connections = list_connections(tenant, limit=SHOWN)
        known = next((each for each in connections if each.id == asked), None)
        return {
            "connections": [(each.id, each.name) for each in connections],
            "pushed": list_pushed_groups(tenant, known.id, SHOWN) if known else [],
            "roles": [(each.id, each.display) for each in list_roles(tenant)[:SHOWN]],
            "customer_groups": _customer_groups(tenant, looked_for) if _has_customer_groups(visit) else [],
        }

    return render_template(
        "console/mapping_form.html",
        visit=visit,
        looked_for=looked_for,
        has_customer_groups=_has_customer_groups(visit),
        form=request.values,
        problem=in_their_language(problem) if problem else None,
        **visit.read(read),
    )


def _has_customer_groups(visit: Visit) -> bool:
    return visit.profile.policy.data_scope == "customer_groups"


def _customer_groups(tenant: Tenant, looked_for: str) -> list[tuple[str, str]]:
    """Return customer groups by a part of their name, as pairs of id and name."""
    quoted = looked_for.replace("\\", "\\\\").replace('"', '\\"')
    query = Query(
        filter=f'displayName co "{quoted}"' if quoted else None,
        sort_by=None,
        descending=False,
        start_index=1,
        count=SHOWN,
        cursor="",
        projection=Projection(excluded=frozenset({"members"})),
        where=(("kind", "customerGroup"),),
    )
    definition = tenant.catalog.by_name("Group")
    ids = [stored.id for _, stored in search_resources(tenant, (definition,), query, None).resources]
    return [(each, get_group(tenant, each).display) for each in ids]


@page("/mappings/<mapping>/remove", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def remove_a_mapping(visit: Visit, mapping: str) -> Page:
    """Show person by person what removing a mapping changes, and do it once that is confirmed."""
    check_id("mapping", mapping)
    if request.method == "POST":
        visit.write(lambda tenant: remove_mapping(tenant, mapping))
        flash(gettext("The mapping is removed."), "success")
        return visit.redirect("mappings_page")

    def dry_run(tenant: Tenant) -> tuple[Shown, list[Effect]]:
        shown, effects = _shown(tenant, get_mapping(tenant, mapping)), preview(tenant, None, mapping)
        _try(tenant, lambda within: remove_mapping(within, mapping))
        return shown, effects

    shown, effects = visit.write(dry_run)
    return render_template(
        "console/mapping_preview.html",
        visit=visit,
        shown=shown,
        connection=shown.connection,
        group=shown.group,
        people=_people(visit, effects),
        more=max(0, len(effects) - SHOWN),
        most=MAX_PREVIEWED,
    )


def _people(visit: Visit, effects: Sequence[Effect]) -> list[Person]:
    """Return the first of those whom a change concerns, with it in words."""
    return [
        Person(
            each.member_id,
            each.display or each.member_id,
            [_in_words(visit, what) for what in each.gives],
            [_in_words(visit, what) for what in each.takes],
        )
        for each in effects[:SHOWN]
    ]


def _in_words(visit: Visit, what: str) -> str:
    """Return what is given or taken: a customer group, or a permission and how far it reaches."""
    if what.startswith("customerGroup:"):
        return gettext("Customer group %(name)s", name=what.partition(":")[2])
    permission, _, scope = what.rpartition("@")
    texts = visit.profile.permissions.get(permission)
    text = in_language(texts) if texts else permission
    if scope == "customer_groups":
        return gettext("%(permission)s, of their customer groups", permission=text)
    if scope == "assigned":
        return gettext("%(permission)s, of what is assigned to them", permission=text)
    return text
