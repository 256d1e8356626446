"""The console: the pages of delegated administrators and members under ``/console``, in French and English.

Server-rendered; every flow works without JavaScript. A view is parse → one action → render, as elsewhere in ``web``.
May import ``protocol``, ``store``, ``actions``, and from ``web`` what is not ``scim``, ``api`` or ``oauth``.
"""

from scim_server.web.console import browsers as browsers
from scim_server.web.console import connection_clients as connection_clients
from scim_server.web.console import connection_guides as connection_guides
from scim_server.web.console import connection_tokens as connection_tokens
from scim_server.web.console import connections as connections
from scim_server.web.console import customer_groups as customer_groups
from scim_server.web.console import history as history
from scim_server.web.console import imports as imports
from scim_server.web.console import invitations as invitations
from scim_server.web.console import mappings as mappings
from scim_server.web.console import member as member
from scim_server.web.console import member_actions as member_actions
from scim_server.web.console import member_forms as member_forms
from scim_server.web.console import member_leaving as member_leaving
from scim_server.web.console import members as members
from scim_server.web.console import members_at_once as members_at_once
from scim_server.web.console import new_members as new_members
from scim_server.web.console import operator as operator
from scim_server.web.console import operator_hand_overs as operator_hand_overs
from scim_server.web.console import own_roles as own_roles
from scim_server.web.console import profile as profile
from scim_server.web.console import roles as roles
from scim_server.web.console import seat as seat
from scim_server.web.console import settings as settings
from scim_server.web.console import signing_in as signing_in
from scim_server.web.console import teams as teams
from scim_server.web.console import texts as texts
from scim_server.web.console.answers import install as install
