"""``/api/v1``: the organizations of the server, for the portal's back end and for automation.

Each operation is declared once (:mod:`operations`), from which follow its route, its checks and its documentation.
"""

from scim_server.web.api import assignments as assignments
from scim_server.web.api import clients as clients
from scim_server.web.api import connections as connections
from scim_server.web.api import erasure as erasure
from scim_server.web.api import groups as groups
from scim_server.web.api import hand_overs as hand_overs
from scim_server.web.api import imports as imports
from scim_server.web.api import invitations as invitations
from scim_server.web.api import mappings as mappings
from scim_server.web.api import members as members
from scim_server.web.api import organizations as organizations
from scim_server.web.api import passwords as passwords
from scim_server.web.api import portals as portals
from scim_server.web.api import seat as seat
from scim_server.web.api import sessions as sessions
from scim_server.web.api import tokens as tokens
from scim_server.web.api import trail as trail
from scim_server.web.api.documentation import PUBLIC_PATHS as PUBLIC_PATHS
from scim_server.web.api.operations import blueprint as blueprint
