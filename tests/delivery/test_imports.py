"""A worker verifies a file of members when it is uploaded, and imports it when it is asked to."""

import threading

import pytest
from flask import Flask

from scim_server.actions import imports
from scim_server.delivery import imports as delivery
from scim_server.delivery.handlers import HANDLERS
from scim_server.delivery.worker import Desk, work
from scim_server.store.deliveries import list_deliveries
from scim_server.store.session import begin
from tests.api import ApiClient, api_client

FILE = "userName,email,givenName,familyName,startDate\n" + "".join(
    f"user{number},user{number}@example.com,Ada,Lovelace,2999-01-31\n" for number in range(25)
)


@pytest.fixture
def client(app: Flask) -> ApiClient:
    """A client that may read and change the members of an organization of its own."""
    return api_client(app, "members:read", "members:write")


def uploaded(client: ApiClient) -> str:
    """Upload a file and return the id of the import."""
    answer = client.send("POST", "imports", FILE.encode(), Content_Type="text/csv")
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def pending(client: ApiClient) -> list[str]:
    """Return the kinds of what is left to do, but for what is due on a day."""
    with begin(client.organization.store, client.organization.operator, write=False) as tenant:
        return [each.kind for each in list_deliveries(tenant) if each.day is None]


@pytest.mark.parametrize("slice_s", [0.0, 60.0])
def test_a_worker_does_both_steps(
    client: ApiClient, desk: Desk, slice_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In as many slices as it takes, between which it does what else is due; nothing is left to do after."""
    monkeypatch.setattr(imports, "BATCH", 10)
    monkeypatch.setattr(delivery, "SLICE_S", slice_s)
    import_id = uploaded(client)
    assert pending(client) == ["import_verification"]
    work(desk, HANDLERS, threading.Event())
    found = client.read(f"imports/{import_id}")
    assert (found["status"], found["created"]) == ("verified", 25)
    assert client.post(f"imports/{import_id}/import").status_code == 202
    work(desk, HANDLERS, threading.Event())
    assert client.read(f"imports/{import_id}")["status"] == "imported"
    assert client.read("members")["total"] == 25
    assert pending(client) == []


def test_a_file_that_is_deleted_is_not_verified(client: ApiClient, desk: Desk) -> None:
    """Nothing is left to do, and nothing fails."""
    import_id = uploaded(client)
    assert client.delete(f"imports/{import_id}").status_code == 204
    assert pending(client) == []
    assert work(desk, HANDLERS, threading.Event()) == 0
