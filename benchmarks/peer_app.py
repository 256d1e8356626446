"""The peer from PyPI: scim2-server, its storage in memory, behind its own WSGI application.

What one process holds no other sees, so it must run in one; the harness fills it over HTTP.
"""

import os
import secrets

from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

_config = load_default_service_provider_config()
_config.authentication_schemes = [BEARER_TOKEN_SCHEME]
_provider = ScimProvider.from_discovery(
    load_default_schemas().values(), load_default_resource_types().values(), config=_config
)
app = BearerTokenApplication(
    InMemoryStorage(),
    _provider,
    service=ScimService(_provider, secret=secrets.token_urlsafe(32)),
    bearer_tokens=[os.environ["BENCH_PEER_TOKEN"]],
)
