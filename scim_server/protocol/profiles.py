"""Client profiles: how far a connection's client may depart from RFC 7643 and RFC 7644.

A profile is a value. Every tolerance is a switch of it, counted each time it is applied, so an
operator sees what an identity provider really sends.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

GroupPatchAnswer = Literal["small", "never"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The tolerances of one kind of client.

    ``ignores_unknown``: attributes and schema URNs no schema declares are dropped, not refused.
    ``infers_schemas``: a missing or foreign ``schemas`` is read as that of the endpoint.
    ``coerces_values``: ``"True"`` for a boolean, ``"id"`` or ``[{…}]`` for a complex value,
    ``{…}`` for an array, ``""`` for no complex value.
    ``ignores_read_only``: read-only attributes inside the value of a PATCH are dropped.
    ``removes_by_value``: a PATCH remove may list what to remove in its ``value``.
    ``creates_unmatched``: a PATCH of ``attr[sub eq "x"]`` without a match creates that element.
    ``group_patch_answer``: ``small`` answers a PATCH of a group with the group while it is small,
    ``never`` answers 204.
    ``accepts_bare_token``: ``Authorization`` may hold the token alone, without ``Bearer``.
    ``authorizes_without_pkce``: an authorization request may come without a ``code_challenge``.
    """

    name: str
    ignores_unknown: bool
    infers_schemas: bool
    coerces_values: bool
    ignores_read_only: bool
    removes_by_value: bool
    creates_unmatched: bool
    group_patch_answer: GroupPatchAnswer
    accepts_bare_token: bool
    authorizes_without_pkce: bool


_RFC = Profile(
    name="rfc",
    ignores_unknown=False,
    infers_schemas=False,
    coerces_values=False,
    ignores_read_only=False,
    removes_by_value=False,
    creates_unmatched=False,
    group_patch_answer="small",
    accepts_bare_token=False,
    authorizes_without_pkce=False,
)
_LENIENT = Profile(
    name="lenient",
    ignores_unknown=True,
    infers_schemas=True,
    coerces_values=True,
    ignores_read_only=True,
    removes_by_value=True,
    creates_unmatched=True,
    group_patch_answer="small",
    accepts_bare_token=True,
    authorizes_without_pkce=False,
)

PROFILES = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _LENIENT,
            _RFC,
            # Microsoft recommends 204: Entra ID never reads the members back.
            replace(_LENIENT, name="entra", group_patch_answer="never"),
            # Okta sends what the administrator typed, and no code_challenge; it authenticates with its secret.
            replace(_LENIENT, name="okta", authorizes_without_pkce=True),
        )
    }
)


@dataclass(slots=True)
class Leniences:
    """The tolerances of a profile, and how often one request made use of each."""

    profile: Profile
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, name: str) -> None:
        """Count one use of a tolerance."""
        self.counts[name] += 1
