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
    _("password must have %(least)s to %(most)s characters; several words are fine"),
    _("the two passwords are not the same"),
    _("password is required: the one to sign in with from now on"),
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
    # Of groups, roles and the administrator's seat.
    _("give it a name"),
    _("there is no team %(id)s"),
    _("there is no customer group %(id)s"),
    _("there is no role %(id)s"),
    _("there is no group %(id)s"),
    _("there is no member %(id)s"),
    _("there is no hand-over %(id)s"),
    _("nobody here has the address or user name %(name)s"),
    _("several members have the address %(name)s; give the user name instead"),
    _("give at least one address or user name"),
    _("at most %(most)s members are added at once"),
    _("there is another team %(name)s there; rename one"),
    _("there is another role %(name)s there; rename one"),
    _("there is another customer group %(name)s there; rename one"),
    _("only a team can be part of another"),
    _("a connection fills this team, which cannot be part of another"),
    _("a connection fills this team, which cannot have sub-teams"),
    _("a team cannot be part of itself, or of a team below it"),
    _("a team that is part of another, or has sub-teams, is filled by hand alone"),
    _("the team has sub-teams; delete or move them first"),
    _("a connection fills this group; change its members there, or end that first"),
    _("a connection fills this group; change it there, or end that first"),
    _("a connection pushed this group; map it to a role instead"),
    _("the portal profile %(name)s has no roles of the organization's own"),
    _("this role is the portal's, which every organization has"),
    _("this role is the portal's, and the same in every organization; create one"),
    _("this role has every permission of the portal; a role for what its holders do is safer"),
    _("the operator validates who has the role %(name)s: ask for it by a hand-over, with evidence"),
    _("at most %(most)s can have the role %(role)s, which %(holder)s has; have it handed over first"),
    _("at most %(most)s can have the role %(role)s, so it is given by hand alone"),
    _("a member has one role in the portal profile %(name)s; take the other one first"),
    _("this takes the permission %(permission)s; ask an administrator: %(names)s"),
    _("this takes the permission %(permission)s"),
    _("a text has %(most)s characters at most"),
    _("a text holds no control characters"),
    _("choose one of what is offered"),
    _("this form is not whole; open the page again"),
    _("the resource has changed since that version; read it again, then send the change"),
    _("there is a connection %(name)s already"),
    _("the name of a connection must have 1 to %(most)s characters"),
    _(
        "the connection %(name)s has %(num)s live tokens, which is what a rotation needs; "
        "revoke one of them first: %(ids)s"
    ),
    _("this token is being rotated already; complete or cancel that first"),
    _("this token opens nothing any more"),
    _("no rotation of this token is under way"),
    _("the name of a client must have 1 to 200 characters"),
    _("this client is disabled"),
    _("this client has keys, and no secret"),
    _("a mapping gives a role or a customer group; add members to a team by hand"),
    _("at most %(most)s can have the role %(role)s, so it is given by hand alone"),
    _("%(value)s is mapped to this already"),
    _("value must have 1 to %(most)s characters"),
    _("there is no group %(id)s"),
    _("there is no mapping %(id)s"),
    _("there is no such page"),
    _("the name must have 1 to %(most)s characters"),
    _("%(value)s is no e-mail address, such as contact@example.com"),
    _("nobody has the administrator's seat: the operator gives it by a hand-over with evidence"),
    _("there is no administrator yet"),
    _("no administrator has access: the deputy has the seat"),
    _("at least two administrators are advised, so that one stands in for the other"),
    _("there is no deputy: the organization is in recovery when its administrator loses access"),
    _("%(count)s members have the seat, where %(profile)s has one"),
    _("the deputy has no access; name another"),
    _("the deputy is an administrator; name somebody else"),
    _("nobody names themselves the deputy; ask another administrator"),
    _("the member is %(state)s; a deputy has access"),
    _("the member is an administrator; the deputy is who stands in for those"),
    _("another hand-over is open; withdraw it, or have it decided first"),
    _("the member is archived; restore them first"),
    _("the member who hands over does not have the role %(role)s"),
    _("the member has the role %(role)s already"),
    _("the hand-over is %(status)s already"),
    _("the evidence must be a file of 1 to %(most)s bytes"),
    _("give a reason, for the operator to read"),
    _("choose a file"),
    _("the member has no e-mail address to send the invitation to; add one to emails first"),
    _("the member is %(state)s; %(event)s takes one who is %(accepted)s"),
    _("%(num)s members have the seat, where %(profile)s has one"),
    _("the deputy has no access; name another"),
    _("the deputy is an administrator; name somebody else"),
    # One member, and what members do for themselves.
    _("there is no member %(member)s"),
    _("there is no group %(group)s"),
    _("there is no role %(role)s"),
    _("the member has no session %(session)s"),
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
    # Of the list of members, and of who is added to it.
    _("nobody changes their own access; ask another administrator"),
    _("nobody changes their own roles; ask another administrator"),
    _("there is no member %(id)s"),
    _("there is no role %(id)s"),
    _("there is no team %(id)s"),
    _("the member has no e-mail address to send the invitation to; add one to emails first"),
    _("a connection fills this group; change its members there, or end that first"),
    _("a connection fills the role %(role)s; change who has it there"),
    _("a member has one role in the portal profile %(profile)s"),
    _("at most %(most)s can have the role %(role)s, which %(holder)s has; have it handed over first"),
    _("the operator validates who has the role %(role)s: ask for it by a hand-over, with evidence"),
    _("%(attribute)s is frozen in the portal profile %(profile)s: delete the member and create another"),
    _("%(attribute)s is required by the portal profile %(profile)s"),
    _("an identity provider manages this member; change them there"),
    _("%(attribute)s is longer than %(most)s bytes"),
    _("%(left)s assignments of the member are open; name who takes them over in hand_over_to, or close them"),
)
