"""Where a service may listen, and how it begins and ends."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from signed_in_client import CHEAP

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.service.server import Listening, _bound, is_loopback, serve
from isoguide.service.settings import ServiceSettings
from isoguide.workflow.clinic.department import new_desk


class TestWhereItListens:
    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "console.clinic.example"])  # noqa: S104 - refused, not bound
    def test_is_never_a_network_without_encryption_unless_it_is_said(self, host: str):
        with pytest.raises(InputError, match="would cross the network unencrypted"):
            Listening(host)
        assert host in Listening(host, public_names=("console",), allow_unencrypted=True).host_names

    def test_is_this_computer_alone_by_itself(self):
        assert Listening().host_names == {"127.0.0.1", "localhost", "::1"}
        assert is_loopback("::1")
        assert is_loopback("127.0.0.53")
        assert not is_loopback("localhost.evil.example")

    def test_behind_a_proxy_needs_the_name_that_browsers_use(self):
        with pytest.raises(InputError, match="by which name browsers reach"):
            Listening(proxy="127.0.0.1")
        listening = Listening(proxy="127.0.0.1", public_names=("Console.clinic.example",))
        assert "console.clinic.example" in listening.host_names

    def test_believes_a_proxy_only_at_an_address(self):
        with pytest.raises(InputError, match=r"'\*' is no address of a proxy"):
            Listening(proxy="*", public_names=("console.clinic.example",))


def nothing(_address: str) -> None:
    raise AssertionError("it began to serve")


def test_it_does_not_begin_while_nobody_can_sign_in(tmp_path: Path) -> None:
    with new_desk(str(tmp_path / "records")) as desk, pytest.raises(MissingEvidenceError) as refused:
        serve(desk, Listening(), ServiceSettings(hashing=CHEAP), announce=nothing)
    assert str(refused.value) == (
        "nobody can sign in yet: make the first administrator with "
        "isoguide staff administrator NAME --role ROLE"
    )


def test_a_port_that_is_taken_is_named(service) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 cannot be had"):
            serve(service.desk, Listening(port=port), service.settings, announce=nothing)


def test_a_host_that_is_not_this_computer_is_named(service) -> None:
    listening = Listening("nowhere.invalid", allow_unencrypted=True)
    with pytest.raises(InputError, match=r"'nowhere\.invalid' is no address of this computer"):
        serve(service.desk, listening, service.settings, announce=nothing)


def test_a_small_message_never_waits_until_the_one_before_is_acknowledged() -> None:
    sent_at_once: list[int] = []

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted = transport.get_extra_info("socket")
            sent_at_once.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def connect(bound: socket.socket) -> None:
        async with await asyncio.get_running_loop().create_server(Connection, sock=bound):
            _, writer = await asyncio.open_connection(*bound.getsockname()[:2])
            while not sent_at_once:
                await asyncio.sleep(0.001)
            writer.close()

    with _bound(Listening(port=0)) as bound:
        asyncio.run(asyncio.wait_for(connect(bound), 10.0))
    assert sent_at_once == [1]


def test_the_command_line_loads_no_server_for_its_help() -> None:
    code = (
        "import sys, isoguide.cli.app; print([one for one in ('fastapi', 'uvicorn') if one in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
