"""Whoever does whatever in any order, the seat is not lost by an action, nobody gains, and what is told is true."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from scim2_models import SCIMException
from sqlalchemy import or_, select

from scim_server.actions.authority import administrators, holdings, is_in_recovery, seat_is_held
from scim_server.actions.groups import change_group, change_group_members, create_group
from scim_server.actions.hand_overs import approve_hand_over, request_hand_over, withdraw_hand_over
from scim_server.actions.mappings import Wanted, create_mapping, remove_mapping
from scim_server.actions.members import leave, move, remove_member, set_roles
from scim_server.actions.organizations import create_organization
from scim_server.actions.permissions import rights_of
from scim_server.actions.portal_changes import change_portal
from scim_server.actions.portals import organization_of, portal_of
from scim_server.actions.seat import set_deputy
from scim_server.protocol.patch import Patch
from scim_server.protocol.permissions import Edge, authority_of, exceeding
from scim_server.protocol.portals import MANAGE_MEMBERS, Permissions, widest
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.hand_overs import Evidence, list_hand_overs
from scim_server.store.roles import list_roles
from scim_server.store.session import Actor, Credentials, Tenant, begin, begin_platform
from scim_server.store.tables import mappings, memberships, resources, role_values
from tests.directory import Organization, new_client, patch_body, site_of, unique, user_body
from tests.portals import portal

LONG = settings.get_current_profile_name() == "long"
PROFILES_OF_PORTALS = ("assigned-orders", "delegated", "contacts", "customer-groups", "archive")
MEMBERS = 4
LETTER = Evidence("letter.txt", "text/plain", b"agreed")
TAKEN = "adm"
"""A value of ``roles`` that a mapping can make a role of."""


@pytest.fixture
def every_statement_names_its_organization() -> None:
    """Let statements run unread: each is one of those that tests/web/api/test_seat.py holds to the rule of tenancy."""


members = st.integers(0, MEMBERS - 1)
acting = st.sampled_from(("organization", "operator", 0, 0, 1, 1, 2, 3))


class Seat(RuleBasedStateMachine):
    """An organization whose members are provisioned by a connection, and some of them act."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.store = site_of(app).store
        self.was_seen = False
        """Whether an action has seen an administrator."""

    @initialize(profile=st.sampled_from(PROFILES_OF_PORTALS), data=st.data())
    def begin(self, profile: str, data: Any) -> None:
        """Have an administrator, a member who may be able to manage others, a team, and a group that is pushed."""
        with begin_platform(self.store, write=True) as platform:
            slug = unique("seat")
            made = create_organization(platform, self.store, slug, slug, actor_id="the tests", portal=profile)
        operator = Credentials(made.id, Actor("operator", "the tests"))
        self.organization = Organization(self.store, made.id, slug, operator)
        self.scim = new_client(self.app, self.organization)
        self.members = [self.scim.new_user(f"member-{number}") for number in range(MEMBERS)]
        self.pushed = self.scim.new_group("pushed", [self.members[data.draw(members)]])
        with begin(self.store, operator, write=True) as tenant:
            rules = portal_of(tenant)
            administrator = next(key for key, role in rules.roles.items() if role.administrator)
            self.roles = {role.template or role.display: role.id for role in list_roles(tenant)}
            if rules.policy.custom_roles:
                lesser: Permissions = {MANAGE_MEMBERS: "organization"}
                self.roles["lesser"] = create_group(tenant, {"displayName": "lesser"}, "role", None, lesser).id
            self.team = create_group(tenant, {"displayName": "team"}, "team").id
            self.sub_team = create_group(tenant, {"displayName": "sub-team"}, "team", self.team).id
            change_group_members(tenant, self.sub_team, self.members[:2])
            set_roles(tenant, self.members[0], [self.roles[administrator]])
            if "lesser" in self.roles:
                set_roles(tenant, self.members[1], [self.roles["lesser"]])
            elif rules.policy.administrators != "one":
                set_roles(tenant, self.members[1], [self.roles[administrator]])
        self.was_seen = True

    def act(self, who: str | int, action: Callable[[Tenant], object], *, ends_recovery: bool = False) -> None:
        """Do something as the organization, its operator or one of its members, and hold it to the rules."""
        kinds = {"organization": Actor("token", "the portal"), "operator": self.organization.operator.actor}
        actor = kinds[who] if isinstance(who, str) else Actor("member", self.members[who])
        with self.reading() as tenant:
            was_held, before = self.is_held(tenant), self.permissions(tenant, actor)
            authority = self.authority(tenant, actor)
            organization = organization_of(tenant)
            was_lost = is_in_recovery(tenant, portal_of(tenant), organization)
        try:
            with begin(self.store, replace(self.organization.operator, actor=actor), write=True) as tenant:
                action(tenant)
            is_done = True
        except SCIMException:
            is_done = False
        with self.reading() as tenant:
            is_held, after = self.is_held(tenant), self.permissions(tenant, actor)
        self.was_seen |= is_done and (was_held or is_held)
        assert is_held or not was_held, "an action has lost the seat"
        assert not (was_lost and is_held) or ends_recovery, "an action has ended recovery"
        if not is_done:
            assert after == before
        if actor.kind == "member":
            assert exceeding(after.get(actor.id, {}), before.get(actor.id, {})) == [], "a member has gained"
            for member_id in after.keys() - {organization.deputy_id}:
                gained = exceeding(after[member_id], before.get(member_id, {}))
                given = {name: after[member_id][name] for name in gained}
                assert exceeding(given, authority) == [], "a member has given what is not theirs to give"

    @contextmanager
    def reading(self) -> Iterator[Tenant]:
        """Read as nobody in particular."""
        with begin(self.store, self.organization.operator, write=False) as tenant:
            yield tenant

    def is_held(self, tenant: Tenant) -> bool:
        return seat_is_held(tenant, portal_of(tenant), organization_of(tenant))

    def permissions(self, tenant: Tenant, actor: Actor) -> dict[str, Permissions]:
        """Return what each member may do, where a member acts."""
        if actor.kind != "member":
            return {}
        organization = organization_of(tenant)
        there = self.there(tenant)
        return {each: dict(rights_of(tenant, organization, each).permissions) for each in there}

    def there(self, tenant: Tenant) -> list[str]:
        own = (resources.c.org_id == tenant.org_id, resources.c.id.in_(self.members))
        return list(tenant.db.scalars(select(resources.c.id).where(*own)))

    def authority(self, tenant: Tenant, actor: Actor) -> Permissions:
        if actor.kind != "member" or actor.id not in self.there(tenant):
            return {}
        profile = portal_of(tenant)
        return authority_of(holdings(tenant, profile, organization_of(tenant), actor.id), profile)

    @rule(who=acting, number=members, keys=st.lists(st.integers(0, 9), max_size=2))
    def give_roles(self, who: str | int, number: int, keys: list[int]) -> None:
        known = sorted(self.roles.values())
        role_ids = [known[each % len(known)] for each in keys]
        self.act(who, lambda tenant: set_roles(tenant, self.members[number], role_ids))

    @rule(who=acting, number=members, event=st.sampled_from(("suspend", "restore", "archive", "leave", "grant_access")))
    def move(self, who: str | int, number: int, event: Any) -> None:
        member_id = self.members[number]
        if event == "leave":
            self.act(who, lambda tenant: leave(tenant, member_id, None))
        else:
            ends = who == "operator" and event == "restore"
            self.act(who, lambda tenant: move(tenant, member_id, event), ends_recovery=ends)

    @rule(who=acting, number=members)
    def remove(self, who: str | int, number: int) -> None:
        name = f"member-{number}"
        self.act(who, lambda tenant: remove_member(tenant, self.user, self.members[number], None, name))

    @property
    def user(self) -> Any:
        return self.store.catalog.by_name("User")

    @rule(who=acting, into=st.integers(0, 9), what=st.integers(0, MEMBERS), joins=st.booleans())
    def change_members(self, who: str | int, into: int, what: int, joins: bool) -> None:
        groups = [self.team, self.sub_team, *sorted(self.roles.values())]
        group, moved = groups[into % len(groups)], ([*self.members, self.team][what],)
        joining, leaving = (moved, ()) if joins else ((), moved)
        self.act(who, lambda tenant: change_group_members(tenant, group, joining, leaving))

    @rule(who=st.integers(0, 1), key=st.integers(0, 9), number=st.none() | members)
    def help_oneself_or_another(self, who: int, key: int, number: int | None) -> None:
        """Give a role to the own team, or to somebody, themselves included."""
        role_id = sorted(self.roles.values())[key % len(self.roles)]
        joining = self.team if number is None else self.members[number]
        self.act(who, lambda tenant: change_group_members(tenant, role_id, (joining,)))

    @rule(who=acting, key=st.integers(0, 9), by_group=st.booleans())
    def map(self, who: str | int, key: int, by_group: bool) -> None:
        role_id = sorted(self.roles.values())[key % len(self.roles)]
        source, value = ("group", self.pushed) if by_group else ("role", TAKEN)
        wanted = Wanted(self.scim.connection.id, source, value, role_id)  # type: ignore[arg-type]
        self.act(who, lambda tenant: create_mapping(tenant, wanted))

    @rule(who=acting)
    def unmap(self, who: str | int) -> None:
        with self.reading() as tenant:
            own = select(mappings.c.id).where(mappings.c.org_id == tenant.org_id).order_by(mappings.c.id)
            found = tenant.db.scalars(own).first()
        if found is not None:
            self.act(who, lambda tenant: remove_mapping(tenant, found))

    @rule(who=acting, key=st.integers(0, 9), is_granted=st.booleans())
    def grant(self, who: str | int, key: int, is_granted: bool) -> None:
        role_id = sorted(self.roles.values())[key % len(self.roles)]
        changes = {"connection": self.scim.connection.id if is_granted else None}
        leniences = Leniences(PROFILES["rfc"])
        self.act(who, lambda tenant: change_group(tenant, role_id, Patch((), ()), changes, None, leniences))

    @rule(who=acting, number=st.none() | members)
    def name_deputy(self, who: str | int, number: int | None) -> None:
        self.act(who, lambda tenant: set_deputy(tenant, None if number is None else self.members[number]))

    @rule(who=acting, to=members, giver=st.none() | members, is_approved=st.booleans())
    def hand_over(self, who: str | int, to: int, giver: int | None, is_approved: bool) -> None:
        giver_id = None if giver is None else self.members[giver]
        self.act(who, lambda tenant: request_hand_over(tenant, self.members[to], giver_id, "agreed", LETTER))
        with self.reading() as tenant:
            found = [each.id for each in list_hand_overs(tenant, before=None, limit=1) if each.status == "requested"]
        for each in found:
            if is_approved:
                self.act(who, lambda tenant: approve_hand_over(tenant, each), ends_recovery=who == "operator")  # noqa: B023
            self.act("organization", lambda tenant: withdraw_hand_over(tenant, each))  # noqa: B023

    @rule(name=st.sampled_from(PROFILES_OF_PORTALS))
    def change_profile(self, name: str) -> None:
        self.act("operator", lambda tenant: change_portal(tenant, name))
        with self.reading() as tenant:
            self.roles |= {role.template or role.display: role.id for role in list_roles(tenant)}

    @rule(number=members, is_active=st.sampled_from((True, False, False)))
    def push_access(self, number: int, is_active: bool) -> None:
        self.push("PATCH", f"/Users/{self.members[number]}", {"op": "replace", "path": "active", "value": is_active})

    @rule(number=members, value=st.sampled_from((TAKEN, "none")))
    def push_value(self, number: int, value: str) -> None:
        self.push(
            "PATCH", f"/Users/{self.members[number]}", {"op": "add", "path": "roles", "value": [{"value": value}]}
        )

    @rule(number=members, key=st.integers(0, 9))
    def push_membership(self, number: int, key: int) -> None:
        groups = [self.pushed, *sorted(self.roles.values())]
        with self.reading() as tenant:
            one = [{"value": each} for each in self.there(tenant) if each == self.members[number]]
        self.push("PATCH", f"/Groups/{groups[key % len(groups)]}", {"op": "replace", "path": "members", "value": one})

    @rule(number=members)
    def push_deletion(self, number: int) -> None:
        self.push("DELETE", f"/Users/{self.members[number]}")

    @rule(number=members)
    def push_again(self, number: int) -> None:
        """Create somebody anew, who was deleted."""
        with self.reading() as tenant:
            is_there = self.members[number] in self.there(tenant)
        if not is_there:
            answer = self.scim.post("/Users", user_body(f"member-{number}"))
            assert answer.status_code == 201, answer.text
            self.members[number] = answer.get_json()["id"]

    def push(self, method: str, path: str, *operations: dict[str, Any]) -> None:
        """Send what an identity provider sends, which is never refused for the seat."""
        answer = self.scim.send(method, path, patch_body(*operations) if operations else None)
        assert answer.status_code in (200, 204, 404), answer.text

    @invariant()
    def the_seat_is_held_or_lost(self) -> None:
        """Once an action has seen an administrator, there is one, or the organization is in recovery."""
        if not self.was_seen:
            return
        with self.reading() as tenant:
            profile, organization = portal_of(tenant), organization_of(tenant)
            is_held = bool(administrators(tenant, profile)) or self.deputy_has_access(tenant)
            assert is_in_recovery(tenant, profile, organization) != is_held

    def deputy_has_access(self, tenant: Tenant) -> bool:
        is_deputy = (resources.c.org_id == tenant.org_id, resources.c.id == organization_of(tenant).deputy_id)
        return tenant.db.scalar(select(resources.c.state).where(*is_deputy)) == "active"

    @invariant()
    def what_is_told_is_true(self) -> None:
        """Permissions are those of their reasons; each is a chain of what there is, from the member to a role."""
        if not self.was_seen:
            return
        with self.reading() as tenant:
            organization = organization_of(tenant)
            for member_id in self.there(tenant):
                rights = rights_of(tenant, organization, member_id)
                told = ({name: each.scope} for name, found in rights.reasons.items() for each in found)
                assert dict(rights.permissions) == dict(widest(*told))
                for held in (*rights.roles, *rights.customer_groups):
                    self.check_path(tenant, member_id, held.group_id, held.path)
                known = {None, *(held.group_id for held in rights.roles)}
                for reasons in rights.reasons.values():
                    assert {each.holding.group_id if each.holding else None for each in reasons} <= known

    def check_path(self, tenant: Tenant, member_id: str, group_id: str, path: tuple[Edge, ...]) -> None:
        at = member_id
        for edge in path:
            assert edge.member_id == at
            assert self.is_real(tenant, edge, member_id), edge
            at = edge.group_id
        assert at == group_id

    def is_real(self, tenant: Tenant, edge: Edge, member_id: str) -> bool:
        org_id = tenant.org_id
        if edge.is_deputy:
            profile = portal_of(tenant)
            return organization_of(tenant).deputy_id == member_id and not administrators(tenant, profile)
        if edge.mapping_id is None:
            is_it = (memberships.c.group_id == edge.group_id, memberships.c.member_id == edge.member_id)
            return bool(tenant.db.execute(select(memberships).where(memberships.c.org_id == org_id, *is_it)).all())
        is_mapping = (mappings.c.org_id == org_id, mappings.c.id == edge.mapping_id)
        mapping = tenant.db.execute(select(mappings).where(*is_mapping)).one()
        if mapping.source == "role":
            said = (role_values.c.resource_id == edge.member_id, role_values.c.connection_id == mapping.connection_id)
            own = select(role_values.c.value).where(role_values.c.org_id == org_id, *said)
            is_said = mapping.value in tenant.db.scalars(own).all()
        else:
            named = or_(resources.c.id == mapping.value, resources.c.unique_key == mapping.value)
            pushed = (resources.c.id == edge.member_id, resources.c.namespace == mapping.connection_id, named)
            own = select(resources.c.id).where(resources.c.org_id == org_id, *pushed)
            is_said = bool(tenant.db.scalars(own).all())
        return is_said and mapping.group_id == edge.group_id


def test_no_action_loses_the_seat_and_nobody_gains(app: Flask) -> None:
    """Random steps of everybody: a portal, its operator, members with and without rights, an identity provider."""
    limits = settings(
        max_examples=300 if LONG else 8,
        stateful_step_count=30 if LONG else 12,
        deadline=None,
        derandomize=not LONG,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Seat(app), settings=limits)  # type: ignore[arg-type]  # a factory will do


@pytest.mark.parametrize("place", ["suspend", "roles", "delete"])
def test_two_administrators_who_remove_each_other_at_once_do_not_both(app: Flask, place: str) -> None:
    """One of them is refused, whichever comes second."""
    delegated = portal(app)
    role = "delegated-administrator"
    first, second = (delegated.member("admin", role) for _ in range(2))
    together = Barrier(2)

    def remove(acting_id: str, removed_id: str) -> int:
        client = replace(delegated.acting(acting_id), http=app.test_client())
        together.wait(10)
        if place == "roles":
            return client.send("PUT", f"members/{removed_id}/roles", {"roles": []}).status_code
        if place == "delete":
            return client.delete(f"members/{removed_id}").status_code
        return client.post(f"members/{removed_id}/suspend").status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(remove, (first, second), (second, first)))
    assert sorted(answers)[0] in (200, 204)
    assert sorted(answers)[1] in (403, 404, 409)
    assert len(delegated.api.read("seat")["administrators"]) == 1
