"""Our own gRPC client against grpc's server: size, flow control, TLS; and against what is no gRPC at all."""

import asyncio
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chimera.adapters import grpc_call
from chimera.adapters.grpc_call import GrpcCall, open_call
from chimera.adapters.grpc_status import outside
from chimera.domain.errors import Garbled, OutsideError, RateLimited, Rejected, Unreachable

MIB = 1024 * 1024


async def echo(requests: AsyncIterator[bytes], context: Any) -> None:
    """Sends back what it gets; `b"end"` ends the stream, `x*n` asks for n bytes."""
    async for request in requests:
        if request == b"end":
            return
        if request.startswith(b"x*"):
            await context.write(b"x" * int(request[2:]))
        else:
            await context.write(request)


@asynccontextmanager
async def serving(credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[int]:
    server = grpc.aio.server(
        options=(("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    )
    handler = grpc.stream_stream_rpc_method_handler(echo, None, None)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Echo": handler}),))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def dial(port: int, *, secure: bool = False, path: str = "/test.Echo/Echo") -> GrpcCall:
    return await open_call(
        "test", host="127.0.0.1", port=port, secure=secure, path=path, metadata=(), connect_s=5
    )


async def test_messages_of_every_size_arrive_whole_and_in_order_both_ways() -> None:
    sizes = [0, 1, 5, 16_379, 16_384, 65_535, 65_536, 200_000, 3 * MIB, 7]
    async with serving() as port:
        call = await dial(port)
        # 65,535 bytes is all that the server lets us send ahead: the rest waits for its updates.
        for size in sizes:
            call.write(bytes([size % 251]) * size)
        for size in sizes:
            async with asyncio.timeout(20):
                assert await call.read() == bytes([size % 251]) * size
        assert call.backlog == 0
        call.write(b"end")
        with pytest.raises(Unreachable, match="the stream ended"):
            await call.read()


async def test_more_than_the_window_flows_as_it_is_read() -> None:
    async with serving() as port:
        call = await dial(port)
        for _ in range(12):
            call.write(b"x*%d" % (4 * MIB))
        for _ in range(12):
            async with asyncio.timeout(20):
                assert len(await call.read()) == 4 * MIB
        call.end(Unreachable("test", "done"))


async def test_a_consumer_who_stops_reading_stops_the_socket_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_call, "QUEUED_MAX", 100_000)
    async with serving() as port:
        call = await dial(port)
        for _ in range(500):
            call.write(b"x*10000")
        deadline = asyncio.get_running_loop().time() + 10
        while not call._paused:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)
        assert len(call._messages) < 400
        for _ in range(500):
            async with asyncio.timeout(10):
                assert len(await call.read()) == 10_000
        call.end(Unreachable("test", "done"))


async def test_an_unknown_method_is_rejected_by_name() -> None:
    async with serving() as port:
        call = await dial(port, path="/test.Echo/Nothing")
        with pytest.raises(Rejected, match="UNIMPLEMENTED"):
            await call.read()
        with pytest.raises(Rejected):
            call.write(b"too late")


async def test_a_closed_port_is_unreachable() -> None:
    async with serving() as port:
        pass
    with pytest.raises(Unreachable, match="no connection"):
        await dial(port)


def certificate(folder: Path) -> tuple[bytes, bytes, Path]:
    """(key, certificate, the file that holds the certificate), good for 127.0.0.1 today."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(pem)
    return private, pem, file


async def test_tls_works_with_a_trusted_certificate_and_refuses_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, pem, file = certificate(tmp_path)
    async with serving(grpc.ssl_server_credentials([(private, pem)])) as port:
        with pytest.raises(Unreachable, match="no connection"):
            await dial(port, secure=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        call = await dial(port, secure=True)
        call.write(b"hello")
        assert await call.read() == b"hello"
        call.end(Unreachable("test", "done"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Garbled),
        (b"\xff" * 64, Garbled),
        (b"\0\0\4\x01\x05\0\0\0\x01\xff\xff\xff\xff", Garbled),  # headers that are no HPACK
        (b"\0\0\x05\0\0\0\0\0\x01\x01\0\0\0\0", Garbled),  # a compressed message
        (b"\0\0\x05\0\0\0\0\0\x01\0\xff\xff\xff\xff", Garbled),  # a message of four gigabytes
        (b"\0\0\x00\0\x01\0\0\0\x01", Unreachable),  # the end without a status
        (b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07", Unreachable),  # stream refused
        (b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b", Unreachable),  # go away: enhance your calm
        (b"", Unreachable),  # hung up
        (b"\0\0\x04\x99\0\0\0\0\x01abcd", Unreachable),  # an unknown frame is skipped
    ],
)
async def test_what_is_no_grpc_is_told_apart_and_breaks_nothing(
    answer: bytes, kind: type[OutsideError]
) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        for byte in answer:  # in the smallest pieces that TCP could bring
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write_eof()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        call = await dial(server.sockets[0].getsockname()[1])
        with pytest.raises(kind) as caught:
            async with asyncio.timeout(5):
                await call.read()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("http", "status", "kind"),
    [
        ("200", "0", Unreachable),
        ("200", "11", Rejected),
        ("200", "16", Rejected),
        ("200", "8", RateLimited),
        ("200", "14", Unreachable),
        ("200", "15", Garbled),
        ("200", "99", Unreachable),
        ("200", "x", Garbled),
        ("429", None, RateLimited),
        ("403", None, Rejected),
        ("502", None, Unreachable),
        ("200", None, Garbled),
        (None, None, Garbled),
    ],
)
def test_every_end_has_its_name(http: str | None, status: str | None, kind: type[OutsideError]) -> None:
    assert type(outside("test", http=http, grpc=status, message="because")) is kind
