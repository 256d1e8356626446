"""Which filters find whom of the three people of `people`, and which are none."""

from dataclasses import dataclass

from conformance.rfc.capabilities import ENTERPRISE, USER
from conformance.scenario import Level

HERE = "7644 §3.4.2.2"
ALL = "ann bob cid"


@dataclass(frozen=True, slots=True)
class Case:
    """A rule shown by filters and whom each finds; `alone` ones are not joined to another condition."""

    id: str
    rule: str
    filters: dict[str, str]
    uses: tuple[str, ...] = ()
    level: Level = "must"
    reference: str = HERE
    alone: bool = False


CASES = (
    Case(
        "filter.eq",
        "eq: the attribute and operator values must be identical for a match",
        {'userName eq "{mark}-ann@example.com"': "ann", 'userName eq "{mark}-an"': "", 'userName eq ""': ""},
        alone=True,
    ),
    Case(
        "filter.ne",
        "ne: the attribute and operator values are not identical",
        {
            'userType ne "Intern"': "ann cid",
            'userType ne "Manager"': ALL,
            'userName ne "{mark}-bob@example.com"': "ann cid",
        },
        uses=("userType",),
    ),
    Case(
        "filter.co",
        "co: the entire operator value must be a substring of the attribute value",
        {
            'userName co "-an"': "ann",
            'displayName co "LV"': "ann",
            'displayName co "d"': "cid",
            'userName co "%"': "",
            'userName co "_"': "",
        },
        uses=("displayName",),
    ),
    Case(
        "filter.sw",
        "sw: the attribute value starts with the operator value",
        {
            'userName sw "{mark}-b"': "bob",
            'displayName sw "nn"': "",
            'userName sw "{mark}"': ALL,
            'userName sw "%"': "",
        },
        uses=("displayName",),
    ),
    Case(
        "filter.ew",
        "ew: the attribute value ends with the operator value",
        {'userName ew "-bob@example.com"': "bob", 'displayName ew "id"': "cid", 'displayName ew "An"': ""},
        uses=("displayName",),
    ),
    Case(
        "filter.pr",
        "pr: a match if the attribute has a non-empty or non-null value",
        {"title pr": "ann cid", "nickName pr": "", "userName pr": ALL},
        uses=("title", "nickName"),
    ),
    Case("filter.pr-false", "pr: false is a value", {"active pr": ALL}, uses=("active",)),
    Case(
        "filter.pr-complex",
        "pr on a complex attribute: it contains a non-empty node",
        {"name pr": "ann bob", "name.familyName pr": "ann bob", "name.middleName pr": ""},
        uses=("name.familyName", "name.middleName"),
    ),
    Case(
        "filter.pr-multi-valued",
        "pr on a multi-valued attribute: it has a value",
        {"emails pr": "ann bob", 'emails[type eq "home"]': "ann"},
        uses=("emails.type",),
    ),
    Case(
        "filter.gt",
        "gt on strings is a lexicographical comparison",
        {'userName gt "{mark}-ann@example.com"': "bob cid"},
    ),
    Case(
        "filter.ge",
        "ge on strings is a lexicographical comparison",
        {'userName ge "{mark}-bob@example.com"': "bob cid"},
    ),
    Case("filter.lt", "lt on strings is a lexicographical comparison", {'userName lt "{mark}-bob@example.com"': "ann"}),
    Case(
        "filter.le",
        "le on strings is a lexicographical comparison",
        {'userName le "{mark}-bob@example.com"': "ann bob"},
    ),
    Case(
        "filter.date",
        "gt, ge, lt, le on DateTime are chronological comparisons",
        {
            'meta.created gt "2001-01-01T00:00:00Z"': ALL,
            'meta.created lt "2001-01-01T00:00:00Z"': "",
            'meta.lastModified le "2999-12-31T23:59:59Z"': ALL,
            'meta.lastModified ge "2999-12-31T23:59:59Z"': "",
        },
    ),
    Case(
        "filter.boolean",
        "true and false are written as in JSON",
        {"active eq true": "ann cid", "active eq false": "bob", "active ne true": "bob"},
        uses=("active",),
    ),
    Case(
        "filter.boolean-sub-attribute",
        "A boolean sub-attribute is filtered like any",
        {"emails.primary eq true": "ann bob", 'emails[primary eq true and type eq "home"]': ""},
        uses=("emails.primary", "emails.type"),
        level="should",
    ),
    Case(
        "filter.null",
        "null is a comparison value; it is what has no value (RFC 7643 §2.5)",
        {"title eq null": "bob", "title ne null": "ann cid"},
        uses=("title",),
        level="should",
    ),
    Case(
        "filter.value-case",
        "Strings compare without case unless caseExact is true",
        {'userName eq "{mark}-ANN@EXAMPLE.COM"': "ann", 'userType eq "EMPLOYEE"': "ann cid", 'title sw "tour"': "ann"},
        uses=("userType", "title"),
        reference="7644 §3.4.2.2, 7643 §2.2",
    ),
    Case(
        "filter.value-case-unicode",
        "Case is folded beyond ASCII",
        {'displayName eq "ann äLVA"': "ann", 'displayName co "Ä"': "ann"},
        uses=("displayName",),
        level="should",
        reference="7643 §2.2",
    ),
    Case(
        "filter.case-exact",
        "An attribute that is caseExact compares with case",
        {'externalId eq "{mark}-X1"': "ann", 'externalId eq "{mark}-x1"': "bob", 'externalId sw "{mark}-X"': "ann cid"},
        reference="7643 §3.1, §2.2",
    ),
    Case(
        "filter.names-case",
        "Attribute names and operators are case insensitive",
        {
            'USERNAME eq "{mark}-ann@example.com"': "ann",
            'userName EQ "{mark}-ann@example.com"': "ann",
            'username Sw "{mark}-B"': "bob",
            "Title PR": "ann cid",
        },
        uses=("title",),
    ),
    Case(
        "filter.and",
        "and: both expressions must evaluate to true",
        {'userType eq "Employee" and displayName sw "C"': "cid", 'userType eq "Intern" and displayName sw "C"': ""},
        uses=("userType", "displayName"),
    ),
    Case(
        "filter.or",
        "or: at least one expression must evaluate to true",
        {'userType eq "Intern" or displayName sw "C"': "bob cid", 'userType eq "Nobody" or displayName sw "Z"': ""},
        uses=("userType", "displayName"),
    ),
    Case(
        "filter.not",
        "not: the expression must evaluate to false",
        {'not (userType eq "Intern")': "ann cid", "not (title pr)": "bob", "not (active eq true)": "bob"},
        uses=("userType", "title", "active"),
    ),
    Case(
        "filter.logic-case",
        "and, or and not are case insensitive",
        {'userType eq "Intern" OR displayName sw "C"': "bob cid", 'NOT (userType eq "Intern") AND title Sw "T"': "ann"},
        uses=("userType", "displayName", "title"),
    ),
    Case(
        "filter.precedence",
        "and has precedence over or, not over and",
        {
            'userType eq "Intern" or userType eq "Employee" and displayName sw "C"': "bob cid",
            'displayName sw "C" and userType eq "Employee" or userType eq "Intern"': "bob cid",
            'not (userType eq "Intern") and displayName sw "C"': "cid",
        },
        uses=("userType", "displayName"),
    ),
    Case(
        "filter.grouping",
        "( ): precedence grouping, also nested",
        {
            '(userType eq "Intern" or userType eq "Employee") and displayName sw "C"': "cid",
            'not (userType eq "Intern" or (displayName sw "C" and title pr))': "ann",
            '((userType eq "Intern"))': "bob",
        },
        uses=("userType", "displayName", "title"),
    ),
    Case(
        "filter.sub-attribute",
        "A sub-attribute is written after a point",
        {'name.familyName eq "Berg"': "ann", 'name.givenName sw "B"': "bob"},
        uses=("name.familyName", "name.givenName"),
    ),
    Case(
        "filter.multi-valued",
        "A multi-valued attribute matches when any of its values does",
        {
            'emails.value eq "ann@home-{mark}.example.com"': "ann",
            'emails.value sw "bob@"': "bob",
            'emails.type eq "work"': "ann bob",
        },
        uses=("emails.value", "emails.type"),
    ),
    Case(
        "filter.multi-valued-default",
        "A multi-valued complex attribute without a sub-attribute compares its value",
        {'emails co "ann@home"': "ann", 'emails sw "bob@"': "bob"},
        uses=("emails.value",),
        level="should",
    ),
    Case(
        "filter.value-path",
        "[ ]: the expression within the brackets must be satisfied by one value",
        {
            'emails[type eq "work" and value sw "ann@work"]': "ann",
            'emails[type eq "home" and value sw "ann@work"]': "",
            'emails.type eq "home" and emails.value sw "ann@work"': "ann",
            'emails[type eq "work" or type eq "home"]': "ann bob",
        },
        uses=("emails.type", "emails.value"),
    ),
    Case(
        "filter.value-path-logic",
        "A value path stands in any logical expression, and has its own",
        {
            'not (emails[type eq "home"])': "bob cid",
            'emails[not (type eq "work")]': "ann",
            'emails[type eq "home"] or displayName sw "C"': "ann cid",
        },
        uses=("emails.type", "displayName"),
    ),
    Case(
        "filter.urn",
        "Attribute names may be prefixed by their schema URI",
        {f'{USER}:userName eq "{{mark}}-ann@example.com"': "ann", f'{USER}:name.familyName sw "B"': "ann"},
        uses=("name.familyName",),
        reference="7644 §3.10",
    ),
    Case(
        "filter.extension",
        "Attributes of an extension are addressed by its URI",
        {
            f'{ENTERPRISE}:department eq "Sales"': "ann",
            f"{ENTERPRISE}:department pr": "ann bob",
            f'{ENTERPRISE}:employeeNumber eq "{{mark}}-7"': "ann",
        },
        uses=("enterprise:department", "enterprise:employeeNumber"),
        reference="7644 §3.10",
    ),
    Case(
        "filter.schemas",
        "schemas can be filtered by an extension's URI",
        {f'schemas eq "{ENTERPRISE}"': "ann bob"},
        uses=("enterprise:department",),
    ),
    Case(
        "filter.meta", "meta can be filtered", {'meta.resourceType eq "User"': ALL, 'meta.resourceType eq "Group"': ""}
    ),
    Case(
        "filter.unicode",
        "A filter value may have any characters",
        {'displayName eq "Ann Älva"': "ann", 'displayName co "太"': ""},
        uses=("displayName",),
    ),
)

INVALID = (
    (
        "invalid-operator",
        "Providers MUST decline unrecognized operators by 400 invalidFilter",
        ('userName zz "a"', 'userName = "a"', 'userName regex "a"'),
    ),
    (
        "invalid-incomplete",
        "A filter that stops too early is 400 invalidFilter",
        ("userName", "userName eq", 'userName eq "a" and', "not", 'eq "a"'),
    ),
    (
        "invalid-parentheses",
        "Unbalanced or empty brackets are 400 invalidFilter",
        ('(userName eq "a"', 'userName eq "a")', 'emails[type eq "work"', "()", "emails[]"),
    ),
    (
        "invalid-string",
        "An unquoted or unterminated string is 400 invalidFilter",
        ("userName eq ann", 'userName eq "ann', "userName eq 'ann'"),
    ),
    (
        "invalid-trailing",
        "What follows a complete filter is 400 invalidFilter",
        ('userName eq "a" userName', 'userName eq "a" "b"', 'userName pr "a"'),
    ),
    ("invalid-not", "not needs parentheses: otherwise 400 invalidFilter", ('not userName eq "a"',)),
)

ORDERED_WITHOUT_ORDER = (
    ("active gt true", "active"),
    ("active le false", "active"),
    ('x509Certificates.value gt "AAEC"', "x509Certificates.value"),
    ('x509Certificates[value le "AAEC"]', "x509Certificates.value"),
)
