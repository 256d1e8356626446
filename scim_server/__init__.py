"""scim-server: a SCIM 2.0 identity provisioning server and member directory for B2B portals.

The roof: :func:`create_app` wires the floors in their order, ``protocol``, ``store``, ``actions``,
``web``.
"""

import atexit
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from flask import Flask, request

from scim_server.config import Settings, read_settings
from scim_server.logs import configure_logging
from scim_server.protocol.catalog import Catalog, CatalogError, build_catalog
from scim_server.protocol.cursors import CursorKey
from scim_server.protocol.idempotency import AnswerKey
from scim_server.protocol.portals import PortalProfile, PortalProfileError, read_portal_profile
from scim_server.store.health import RequestCounts
from scim_server.store.session import Store, open_store
from scim_server.store.tokens import DigestKey
from scim_server.web import api, console, health, requests
from scim_server.web.authentication import authenticate_request
from scim_server.web.counting import count_request, write_counts
from scim_server.web.limits import open_limits
from scim_server.web.oauth import views as oauth
from scim_server.web.problems import API_PREFIX
from scim_server.web.refusals import EarlyRefusals
from scim_server.web.scim import bulk, discovery, me, resources, search
from scim_server.web.site import Site, extension_key

_PACKAGED_SCHEMAS = Path(__file__).parent / "_schemas"
_SOURCE_SCHEMAS = Path(__file__).parent.parent / "schemas"
_PORTALS = Path(__file__).parent / "portals"


class _App(Flask):
    """Flask without a look at each function of each request, whether it is asynchronous: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Return the WSGI application; the database is connected to with the first request.

    :raises SettingError: When a setting is missing or unusable.
    :raises CatalogError: When a schema file is.
    :raises PortalProfileError: When a portal profile is.
    """
    settings = settings or read_settings()
    configure_logging(settings.log_format)
    app = _App("scim_server", static_folder=None)
    app.request_class = requests.ScimRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    site = app.extensions[extension_key()] = Site(
        store=open_settings_store(settings),
        digest_key=DigestKey.derive(settings.secret_key, settings.previous_secret_key),
        cursor_key=CursorKey.derive(settings.secret_key, settings.previous_secret_key),
        answer_key=AnswerKey.derive(settings.secret_key),
        limits=open_limits(settings.secret_key, settings.rate_limit_per_s, settings.trusted_proxies),
        counts=RequestCounts(),
        base_url=settings.base_url,
        max_body_bytes=settings.max_body_bytes,
        access_token_lifetime=timedelta(seconds=settings.access_token_lifetime_s),
    )
    requests.install(app)
    # As Flask has it done, though it is a method there.
    app.wsgi_app = EarlyRefusals(app.wsgi_app, site.limits, site.counts, site.refused)  # type: ignore[method-assign]
    app.after_request(count_request)
    # Registered before a server forks its workers, it runs at the end of each.
    atexit.register(write_counts, site, patiently=True)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(oauth.blueprint)
    for blueprint in (
        discovery.blueprint,
        search.blueprint,
        bulk.blueprint,
        me.blueprint,
        resources.blueprint,
    ):
        app.register_blueprint(blueprint, url_prefix=requests.SCIM_PREFIX)
    app.register_blueprint(api.blueprint, url_prefix=API_PREFIX)
    console.install(app, settings.secret_key, settings.previous_secret_key)
    app.before_request(_authenticate)
    return app


def _authenticate() -> None:
    """Prove who sends a request to any path under ``/scim`` or ``/api``, those that do not exist included."""
    if request.path.startswith(("/scim", "/api")) and request.path not in api.PUBLIC_PATHS:
        authenticate_request()


def open_settings_store(settings: Settings) -> Store:
    """Return the store the settings name."""
    return open_store(
        settings.database_url,
        load_catalog(settings.schemas_dir),
        load_portals(settings.portals_dir),
        pool_size=settings.pool_size,
        busy_timeout_ms=settings.busy_timeout_ms,
        statement_timeout_ms=settings.statement_timeout_ms,
    )


@cache
def load_catalog(schemas_dir: Path | None = None) -> Catalog:
    """Return the catalog of the schemas that ship, and of an operator's directory of ``.json`` files, read once.

    :raises CatalogError: When a file cannot be read as a schema or resource type.
    """
    shipped = _PACKAGED_SCHEMAS if _PACKAGED_SCHEMAS.is_dir() else _SOURCE_SCHEMAS
    return build_catalog((*_json_files(shipped), *(_json_files(schemas_dir) if schemas_dir else ())))


def _json_files(directory: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for path in sorted(directory.glob("*.json")):
        if path.name == "openapi.json":
            continue  # It describes the API, and lies beside what describes SCIM.
        try:
            content = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as exc:
            raise CatalogError(f"{path}: {exc}") from exc
        if not isinstance(content, dict):
            raise CatalogError(f"{path}: must be a JSON object")
        yield str(path), content


@cache
def load_portals(portals_dir: Path | None = None) -> Mapping[str, PortalProfile]:
    """Return the portal profiles by name: those that ship, and an operator's directory of ``.toml`` files; read once.

    A file of the operator replaces the one that ships under its name.

    :raises PortalProfileError: When a file cannot be read as a profile.
    """
    directories = (_PORTALS, portals_dir) if portals_dir else (_PORTALS,)
    paths = (path for directory in directories for path in sorted(directory.glob("*.toml")))
    return MappingProxyType({path.stem: _portal(path) for path in paths})


def _portal(path: Path) -> PortalProfile:
    try:
        return read_portal_profile(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise PortalProfileError(f"{path}: {exc}") from exc
