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
    # Imports: what is wrong with a file, its rows and its cells.
    _("the file is larger than %(most)s bytes; upload it in parts"),
    _("the file has more than %(most)s rows; part it"),
    _("%(rows)s rows have faults; mend them in the file, and upload it again"),
    _("the file is importing already"),
    _("the file is imported already"),
    _("the file is not verified yet; wait until its status is verified"),
    _("a worker is at this import; try again when it is done, or in a minute"),
    _("there is no import %(id)s"),
    _("would no longer do what was verified: the directory has changed; upload the file again"),
    _("the file is empty; download the template, and fill it"),
    _("the file is in UTF-16; save the file as CSV UTF-8 and upload it again"),
    _("is longer than %(most)s bytes; is a quote not closed?"),
    _("is longer than %(most)s bytes"),
    _('has text behind a closing quote; a quote within a cell is written twice: "say ""hello"""'),
    _("has a quote that is not closed before the end of the file"),
    _("has a cell that is too long; is a quote not closed?"),
    _("holds the character U+0000, which cannot be stored"),
    _("is not in UTF-8; save the file as CSV UTF-8 and upload it again"),
    _("is no column; accepted: %(columns)s"),
    _("is there twice"),
    _("is missing, as is externalId: one of them tells who a row is"),
    _("has %(cells)s cells, and the header %(columns)s"),
    _("has more than %(most)s characters"),
    _("is empty; each member has one, often the e-mail address"),
    _("is empty, and no member has that externalId; each member needs a userName"),
    _("is %(value)s; accepted: true, false, yes, no, oui, non, vrai, faux, 1, 0"),
    _("is %(value)s, no e-mail address such as name@example.com"),
    _("is %(value)s, no date such as 2026-01-31"),
    _("is %(value)s, no language such as fr or en-GB"),
    _("is that of %(num)s members; give the userName of one of them"),
    _("names %(name)s, of which there are several; accepted: %(ways)s"),
    _("names %(name)s, which the connection %(connection)s fills; change it there"),
    _("names %(name)s, which is none of the organization; accepted: %(examples)s"),
    _("names %(name)s, which is none of the organization; there is none yet; create it first"),
    _("is %(value)s: managed by the connection %(connection)s; change it there"),
    _("is frozen in the portal profile %(profile)s: delete the member and create another"),
    _("is required by the portal profile %(profile)s"),
    _("names several, and a member has one role in the portal profile %(profile)s"),
    _("is about yourself, and nobody changes their own rights; ask another administrator"),
    _("is about the same member as row %(row)s; keep one of them"),
    # The operator's pages.
    _("this token is not an operator's; issue one with the scope operator"),
    _("there is no hand-over %(id)s"),
    _("there is no evidence of a hand-over %(id)s"),
    _("choose whether to approve or to reject"),
    _("the note has more than %(most)s characters"),
    _("the note has characters that are none of a text"),
    _("the hand-over has no evidence, which its approval is recorded with"),
    _("the hand-over is approved already"),
    _("the hand-over is rejected already"),
    _("the hand-over is withdrawn already"),
    _("the member is contact; an administrator has access: give it first"),
    _("the member is invited; an administrator has access: give it first"),
    _("the member is suspended; an administrator has access: give it first"),
    _("the member is archived; an administrator has access: give it first"),
    _("a connection fills the role %(role)s; end that first"),
    _("who hands over has the role %(role)s through a team or a mapping; take them out of that first"),
    _("at most %(most)s can have the role %(role)s, which %(member)s has; have it handed over first"),
    _("the organization lacks the role %(role)s; run `scim-server db upgrade`"),
    _("the organization is being deleted; what is left to do is to go on with that"),
    _(
        "%(portal)s is no portal profile that is loaded; accepted: %(accepted)s; put its file back into "
        "SCIM_SERVER_PORTALS_DIR, or give the organization another profile"
    ),
    _("nobody has the administrator's seat: the operator gives it by a hand-over with evidence"),
    _("there is no administrator yet"),
    _("no administrator has access: the deputy has the seat"),
    _("at least two administrators are advised, so that one stands in for the other"),
    _("there is no deputy: the organization is in recovery when its administrator loses access"),
    _("%(num)s members have the seat, where %(profile)s has one"),
    _("the deputy has no access; name another"),
    _("the deputy is an administrator; name somebody else"),
)
