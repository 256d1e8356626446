"""What actions refuse that a page may show: the sentences of ``actions``, known to the catalogues.

What stands in a sentence is a parameter, so that it is found again when the sentence has been made.
"""


def _(message: str) -> str:
    """Mark a message for the catalogues."""
    return message


REFUSALS = (
    _("the name or the password is wrong, or there is no access"),
    _("this link has expired; ask an administrator of the organization to send the invitation again"),
    _("this link has expired; ask for another one"),
    _(
        "this link opens nothing: it was used, withdrawn or replaced by a newer one; "
        "ask an administrator of the organization to send the invitation again"
    ),
    _("this link opens nothing: it was used, withdrawn or replaced by a newer one; ask for another one"),
    _("there is no such organization; check the address"),
    _("password must have at least %(least)s characters"),
    _("the person must agree to %(documents)s"),
    _(
        "a new password was asked for more than %(times)s times in an hour for this address or member; "
        "send the request again in %(wait_s)s s"
    ),
    _(
        "a new password was asked for more than %(times)s times in an hour from this place; "
        "send the request again in %(wait_s)s s"
    ),
    _(
        "a password was tried more than %(times)s times in %(minutes)s minutes for this name; "
        "send the request again in %(wait_s)s s"
    ),
    _(
        "more than %(times)s requests in a minute came from this address with credentials unknown here; "
        "send the request again in %(wait_s)s s"
    ),
    _("nobody changes their own rights: you would gain %(permissions)s"),
    _("you may not give %(permissions)s: you neither have it nor a role that gives it to others"),
    _(
        "this would leave the organization without an administrator who has access; name a deputy, give another "
        "member the role, or have the operator approve a hand-over first"
    ),
    _(
        "the organization has lost its administrator, and is in recovery: ask for a hand-over with evidence, which "
        "the operator approves"
    ),
    # One member, and what members do for themselves.
    _("there is no member %(member)s"),
    _("there is no group %(group)s"),
    _("there is no role %(role)s"),
    _("the member has no session %(session)s"),
    _("there is no session %(session)s"),
    _("this cannot be done with this member now, or is not yours to do"),
    _("the member is %(state)s; %(event)s takes one who is %(accepted)s"),
    _("nobody changes their own access; ask another administrator"),
    _("nobody changes their own roles; ask another administrator"),
    _("nobody removes themselves; ask another administrator"),
    _("%(attribute)s is frozen in the portal profile %(profile)s: delete the member and create another"),
    _("%(attribute)s is required by the portal profile %(profile)s"),
    _("an identity provider manages this member; change them there"),
    _("an identity provider manages this member; change the password there"),
    _("an identity provider signs this member in; they have no password here"),
    _("the portal does not let members change %(attributes)s of themselves; ask an administrator: %(names)s"),
    _("the portal does not let members change %(attributes)s of themselves"),
    _("this takes the permission %(permission)s; ask an administrator: %(names)s"),
    _("this takes the permission %(permission)s"),
    _("the resource has changed since that version; read it again, then send the change"),
    _("a connection fills the role %(role)s; change who has it there"),
    _("a connection fills this group; change its members there, or end that first"),
    _("a member has one role in the portal profile %(profile)s; take the other one first"),
    _("a member has one role in the portal profile %(profile)s"),
    _("the operator validates who has the role %(role)s: ask for it by a hand-over, with evidence"),
    _("at most %(number)s can have the role %(role)s, which %(holder)s has; have it handed over first"),
    _("the member has no e-mail address to send the invitation to; add one to emails first"),
    _("the member has no e-mail address to send the link to; add one to emails first"),
    _("the member is %(state)s; give them access, or invite them"),
    _("the member is %(state)s; archive them first, then erase who they were"),
    _("assignments are handed over to another member, who has access"),
    _("%(number)s assignments of the member are open; name who takes them over in hand_over_to, or close them"),
    _("name who takes over"),
    _(
        "%(attribute)s %(value)s is taken by another User (compared without case); "
        "match that one, or send another value"
    ),
    _("nobody, or more than one member, is called %(typed)s"),
    _("type the user name exactly as it is shown"),
    _("members are never deleted here; archive them, or erase who they are"),
    _(
        "confirm must be %(name)s, the userName of who is deleted for good; "
        "suspending ends their access and keeps the record"
    ),
    _("password must have %(least)s to %(most)s characters; several words are fine"),
    _("the two passwords are not the same"),
    _("the present password is another one"),
    _("there is no password to change; have the link to choose one sent"),
    _("the address is not of the company (%(domains)s), which can end it when the person leaves"),
)
