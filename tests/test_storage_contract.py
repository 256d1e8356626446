"""The contract that scim2-server has for storages holds for the store and the actions."""

from typing import Any

import orjson
import pytest
from flask import Flask
from scim2_models import (
    Context,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
)
from scim2_server.storage import ScimStorage, SearchPage
from scim2_server.testing import ScimStorageContract

from scim_server.actions.resources import create, delete, prepare, replace_resource
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.cursors import Position
from scim_server.protocol.discovery import resource_types, schemas, service_provider_config
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.projection import WHOLE, Projection, read_projection
from scim_server.protocol.queries import MAX_RESULTS, Query
from scim_server.protocol.replies import StoredResource, resource_reply
from scim_server.store.resources import get_resource, related
from scim_server.store.search import search_resources
from scim_server.store.session import Credentials, Store, Tenant, begin, transact
from tests.directory import new_client, site_of

BASE_URL = "https://scim.example/scim/v2"

pytestmark = pytest.mark.usefixtures("tenant_guard")


class StoreStorage(ScimStorage):
    """The store and the actions behind the interface of scim2-server: models outside, documents inside."""

    supports_cursors = True

    def __init__(self, store: Store, credentials: Credentials, provider: ScimProvider) -> None:
        self._store = store
        self._credentials = credentials
        self._provider = provider

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        definition = self._definition(resource_type)
        projection = _projection(response_parameters, definition)
        with begin(self._store, self._credentials, write=False) as tenant:
            stored = get_resource(tenant, definition, resource_id, projection)
        return self._model(definition, stored, projection)

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        definitions = tuple(map(self._definition, resource_types))
        place = None if position is None else Position(*position)
        with begin(self._store, self._credentials, write=False) as tenant:
            found = search_resources(tenant, definitions, _query(search_request), place)
        following, preceding = (
            None if each is None else [each.value, each.id, each.backwards]
            for each in (found.following, found.preceding)
        )
        models = [self._model(definition, stored) for definition, stored in found.resources]
        # What a cursor holds is JSON.
        return SearchPage(found.total, models, *orjson.loads(orjson.dumps([following, preceding])))

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        definition = self._definition(resource_type)
        parts = prepare(resource.model_dump(scim_ctx=Context.RESOURCE_CREATION_REQUEST), definition, _strictly())

        def action(tenant: Tenant) -> StoredResource:
            return related(tenant, definition, create(tenant, definition, parts), WHOLE)

        return self._model(definition, transact(self._store, self._credentials, action))

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        definition = self._definition(resource_type)
        payload = resource.model_dump(scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
        parts = prepare(payload, definition, _strictly())
        resource_id = str(resource.id)

        def action(tenant: Tenant) -> StoredResource:
            stored = replace_resource(tenant, definition, resource_id, parts, expected_version)
            return related(tenant, definition, stored, WHOLE)

        return self._model(definition, transact(self._store, self._credentials, action))

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        definition = self._definition(resource_type)
        transact(
            self._store,
            self._credentials,
            lambda tenant: delete(tenant, definition, resource_id, expected_version),
        )

    def _definition(self, resource_type: ResourceType) -> ResourceDefinition:
        return self._store.catalog.by_name(str(resource_type.name))

    def _model(
        self, definition: ResourceDefinition, stored: StoredResource, projection: Projection = WHOLE
    ) -> Resource[Any]:
        """Return what the server would answer, as a model; its location is for scim2-server to say."""
        content = orjson.loads(resource_reply(stored, definition, BASE_URL, projection))
        content.get("meta", {}).pop("location", None)
        model: Any = self._provider.model_for(definition.name)
        resource: Resource[Any] = model.model_validate(content)
        return resource


def _strictly() -> Leniences:
    """Return the tolerances of a client that keeps to the RFCs, as scim2-models does."""
    return Leniences(PROFILES["rfc"])


def _projection(parameters: ResponseParameters[Any] | None, definition: ResourceDefinition) -> Projection:
    if parameters is None:
        return WHOLE
    included, excluded = (
        [str(path) for path in paths or ()] for paths in (parameters.attributes, parameters.excluded_attributes)
    )
    return read_projection(included, excluded, (definition,))


def _query(search_request: SearchRequest[Any]) -> Query:
    return Query(
        filter=None if search_request.filter is None else str(search_request.filter),
        sort_by=None if search_request.sort_by is None else str(search_request.sort_by),
        descending=search_request.sort_order == SearchRequest.SortOrder.descending,
        start_index=search_request.start_index or 1,
        count=MAX_RESULTS if search_request.count is None else search_request.count,
        cursor=search_request.cursor,
        projection=WHOLE,
    )


@pytest.fixture(scope="session")
def described(app: Flask) -> ScimProvider:
    """What the service says of itself, whose models take a second to make and are changed by no test."""
    site = site_of(app)
    return ScimProvider.from_discovery(
        [Schema.model_validate(each) for each in schemas(site.store.catalog, BASE_URL)],
        [ResourceType.model_validate(each) for each in resource_types(site.store.catalog, BASE_URL)],
        config=ServiceProviderConfig.model_validate(service_provider_config(BASE_URL, site.max_body_bytes)),
    )


class TestStore(ScimStorageContract):
    """The contract, on both databases, with the resource types and schemas that ship."""

    @pytest.fixture
    def provider(self, described: ScimProvider) -> ScimProvider:
        return described

    @pytest.fixture
    def storage(self, app: Flask, provider: ScimProvider) -> StoreStorage:
        client = new_client(app)
        return StoreStorage(client.organization.store, client.credentials, provider)

    def search_request_or_skip(self, models: list[type[Resource[Any]]], **parameters: Any) -> SearchRequest[Any]:
        """Build a search request; the models declare every attribute the contract asks for."""
        return self.search_request(models, **parameters)

    def search_or_skip(
        self, storage: Any, resource_types: list[ResourceType], search_request: SearchRequest[Any]
    ) -> SearchPage:
        """Search; no filter and no sort of the contract is refused."""
        page: SearchPage = self.search(storage, resource_types, search_request)
        return page

    @staticmethod
    def require(supported: bool, feature: str) -> None:
        """Have every feature announced: none of them leaves its tests out."""
        assert supported, feature
