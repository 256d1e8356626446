"""`jwks_uri`: keys are fetched from public addresses alone, with bounds, cached, and again when they change."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scim_server.protocol.assertions import is_public
from scim_server.web.oauth.keys import MAX_AGE_S, MAX_BYTES, RETRY_S, KeysUnavailableError, PublishedKeys
from tests.web.oauth.clients import jwks, new_key

URI = "https://idp.example/keys?of=us"
PUBLIC = "93.184.215.14"


def _streamed(content: bytes, status: int = 200) -> httpx.Response:
    """Return an answer that is read as it comes, as one from a network is."""
    return httpx.Response(status, content=iter([content]))


class Publisher:
    """A host that publishes keys; `requests` are what reached it."""

    def __init__(self) -> None:
        self.keys = [new_key("first")]
        self.addresses = [PUBLIC]
        self.answer: httpx.Response | None = None
        self.requests: list[httpx.Request] = []
        self.now = 1_000.0
        self.published = PublishedKeys(self._resolve, httpx.MockTransport(self._answer), lambda: self.now)

    def _resolve(self, host: str, port: int) -> list[str]:
        assert (host, port) == ("idp.example", 443)
        return self.addresses

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer or _streamed(orjson.dumps(jwks(*self.keys)))

    def kids(self, kid: str | None = None, uri: str = URI) -> set[str | None]:
        """Return the ids of the keys that are known when one is asked for."""
        return {key.kid for key in self.published.get(uri, kid)}


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) leads nowhere; Host and certificate keep the name."""
    publisher = Publisher()
    assert publisher.kids() == {"first"}
    (request,) = publisher.requests
    assert request.url == httpx.URL(f"https://{PUBLIC}/keys?of=us")
    assert request.headers["Host"] == "idp.example"
    assert request.extensions["sni_hostname"] == "idp.example"
    assert "Authorization" not in request.headers
    publisher = Publisher()
    publisher.addresses = ["2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
    publisher.kids()
    assert publisher.requests[0].url.host == publisher.addresses[0]


class _ToLoopback(httpx.HTTPTransport):
    """Carries a connection for a public address to a port of the loopback, where a test may go."""

    def __init__(self, port: int, verify: ssl.SSLContext) -> None:
        super().__init__(verify=verify)
        self.port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self.port)
        return super().handle_request(request)


def _certificate(name: str, path: Path) -> None:
    """Write a certificate for a name, and its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + private)


class _Keys(BaseHTTPRequestHandler):
    """Answers with one key, where the name it is asked under is the right one."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "idp.example" else 421)
        self.end_headers()
        self.wfile.write(orjson.dumps(jwks(new_key("of TLS"))))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("name", "is_taken"), [("idp.example", True), ("attacker.example", False)])
def test_the_certificate_has_to_be_that_of_the_name(tmp_path: Path, name: str, is_taken: bool) -> None:
    """The connection goes to an address, and the certificate is still held to the name in the URL."""
    _certificate(name, tmp_path / "certificate.pem")
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of_server.load_cert_chain(tmp_path / "certificate.pem")
    trusted = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Keys) as server:
        server.socket = of_server.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        published = PublishedKeys(lambda host, port: [PUBLIC], _ToLoopback(server.server_port, trusted))
        try:
            if is_taken:
                assert [key.kid for key in published.get(URI, None)] == ["of TLS"]
            else:
                with pytest.raises(KeysUnavailableError, match="ConnectError"):
                    published.get(URI, None)
        finally:
            server.shutdown()


_PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", _PRIVATE)
def test_a_private_address_is_refused(address: str) -> None:
    """Whichever way it is written, alone, beside a public one, or in the URL itself."""
    assert not is_public(address)
    for addresses in ([address], [PUBLIC, address]):
        publisher = Publisher()
        publisher.addresses = addresses
        with pytest.raises(KeysUnavailableError, match="public address"):
            publisher.kids()
        assert publisher.requests == []
    if "%" not in address:
        publisher = Publisher()
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(KeysUnavailableError, match="public address"):
            publisher.kids(uri=f"https://{host}/keys")
        assert publisher.requests == []


def _endless() -> Iterator[bytes]:
    while True:
        yield b" " * 1024


_BAD_ANSWERS: dict[str, Any] = {
    "redirect": lambda: httpx.Response(302, headers={"Location": "http://169.254.169.254/"}),
    "not found": lambda: _streamed(b"", 404),
    "no JSON": lambda: _streamed(b"<html>"),
    "no JWK Set": lambda: _streamed(b"[]"),
    "no keys": lambda: _streamed(b'{"keys": []}'),
    "private keys": lambda: _streamed(b'{"keys": [{"kty": "EC", "d": "x"}]}'),
    "large": lambda: _streamed(b" " * (MAX_BYTES + 1)),
    "endless": lambda: httpx.Response(200, content=_endless()),
}


@pytest.mark.parametrize("name", _BAD_ANSWERS)
def test_what_is_no_jwk_set_is_refused(name: str) -> None:
    """It is asked for once, followed nowhere, and read up to 64 KB; then not again for a minute."""
    publisher = Publisher()
    publisher.answer = _BAD_ANSWERS[name]()
    for _ in range(3):
        with pytest.raises(KeysUnavailableError, match="jwks_uri"):
            publisher.kids()
    assert len(publisher.requests) == 1
    publisher.now += RETRY_S
    publisher.answer = None
    assert publisher.kids() == {"first"}


def test_a_host_that_does_not_answer_is_told() -> None:
    """The error names no address: whoever registered the URL learns nothing of the network here."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout(f"{PUBLIC} did not answer", request=request)

    published = PublishedKeys(lambda host, port: [PUBLIC], httpx.MockTransport(fail))
    with pytest.raises(KeysUnavailableError) as failure:
        published.get(URI, None)
    assert PUBLIC not in str(failure.value)

    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(KeysUnavailableError, match="unknown"):
        PublishedKeys(unknown).get(URI, None)


def test_keys_are_cached_and_fetched_again_when_they_change() -> None:
    """For ten minutes; sooner for a key that is not among them, but at most once a minute."""
    publisher = Publisher()
    publisher.kids("first")
    publisher.keys.append(new_key("second"))
    assert publisher.kids("first") == publisher.kids("second") == {"first"}, "within a minute, nothing is asked"
    publisher.now += RETRY_S
    assert publisher.kids("first") == {"first"}
    assert publisher.kids("second") == {"first", "second"}
    assert len(publisher.requests) == 2
    for _ in range(10):
        publisher.kids("nobody's")
    assert len(publisher.requests) == 2
    publisher.keys.pop(0)
    publisher.now += MAX_AGE_S
    assert publisher.kids("second") == {"second"}
    assert len(publisher.requests) == 3


def test_keys_outlive_a_failure_while_they_are_fresh() -> None:
    """A host that is down for a moment refuses nobody who is known; keys older than ten minutes are not used."""
    publisher = Publisher()
    publisher.kids()
    publisher.answer = _streamed(b"", 503)
    publisher.now += RETRY_S
    assert publisher.kids("unknown") == {"first"}
    publisher.now += MAX_AGE_S
    with pytest.raises(KeysUnavailableError, match="503"):
        publisher.kids()
