"""The API and its stream over TLS, with a certificate made for the test; files that are no pair are a clear word."""

import datetime as dt
import ipaddress
import json
import ssl
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect

from chimera.config import Settings
from chimera.control.app import create_app
from chimera.control.server import ControlServer, bind
from chimera.domain.errors import ConfigError
from chimera.wiring.outside import tls_files


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chimera")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, secret = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, secret


async def test_calls_and_the_stream_are_encrypted_and_plain_text_is_not_answered(
    house_type: type, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    house: Any = house_type(tmp_path)
    trusted = ssl.create_default_context(cafile=str(pair[0]))
    async with ControlServer(create_app(house.deps), bind("127.0.0.1", 0), tls=pair) as server:
        assert server.url.startswith("https://")
        async with httpx2.AsyncClient(base_url=server.url, verify=trusted) as client:
            told = await client.get("/api/v1/overview", headers={"Authorization": "Bearer readonly-key"})
            assert told.status_code == 200
        address = server.url.replace("https", "wss") + "/api/v1/ws?token=readonly-key"
        async with connect(address, ssl=trusted) as stream:
            assert json.loads(await stream.recv())["type"] == "snapshot"
        async with httpx2.AsyncClient() as client:
            with pytest.raises(httpx2.HTTPError):
                await client.get(server.url.replace("https", "http") + "/health")
    house.journal.close()


def test_files_that_are_no_pair_are_refused_by_name(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    for wrong in ((key, certificate), (certificate, tmp_path / "nowhere"), (certificate, certificate)):
        with pytest.raises(ConfigError, match="tls_certificate"):
            ControlServer(None, bind("127.0.0.1", 0), tls=wrong)  # type: ignore[arg-type]


def test_one_of_the_two_alone_is_refused() -> None:
    plain = Settings()
    assert tls_files(plain) is None

    half = msgspec.structs.replace(plain, api=msgspec.structs.replace(plain.api, tls_certificate="a.pem"))
    with pytest.raises(ConfigError, match="together"):
        tls_files(half)


def test_every_address_of_the_machine_can_be_served() -> None:
    listener = bind("0.0.0.0", 0)
    host, port = listener.getsockname()
    listener.close()
    assert host == "0.0.0.0" and port > 0
    assert Settings().api.port == 8080
