"""The service on a port: one process, no compression of what is sent many times a second."""

import ipaddress
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import uvicorn

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.service.app import create_app
from isoguide.service.settings import LOOPBACK_NAMES, ServiceSettings
from isoguide.workflow.clinic.accounts import Accounts
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import RoomEvents

_PATIENCE_WITH_THE_LAST_S: Final = 5
"""So long requests that go on may take when the service is to end; streams would go on for ever."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a service listens.

    Parameters
    ----------
    host, port
        Name or address of this computer, and the port; 0 takes a free one.
    public_names
        Under which names other computers reach it.
    proxy
        Address of the proxy in front of it that speaks TLS; None where there is none.
    allow_unencrypted
        Whether it may be reached by other computers without TLS.

    Raises
    ------
    InputError
        If passwords would cross a network in the clear, or nobody could reach it.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_names: tuple[str, ...] = ()
    proxy: str | None = None
    allow_unencrypted: bool = False

    def __post_init__(self) -> None:
        if not (is_loopback(self.host) or self.proxy is not None or self.allow_unencrypted):
            msg = (
                f"passwords and images would cross the network unencrypted from {self.host}: serve on "
                "127.0.0.1 behind a proxy that speaks TLS, with --behind-proxy"
            )
            raise InputError(msg)
        if self.proxy is not None and not is_address(self.proxy):
            msg = f"'{self.proxy}' is no address of a proxy: give one like 127.0.0.1 with --proxy-address"
            raise InputError(msg)
        if not self.public_names and (self.proxy is not None or self.host in ("0.0.0.0", "::")):  # noqa: S104 - refused, not bound
            msg = "nothing says by which name browsers reach the service: give it with --public-name"
            raise InputError(msg)

    @property
    def host_names(self) -> frozenset[str]:
        """The names a request may call this service by, in lower case."""
        own = LOOPBACK_NAMES if is_loopback(self.host) else ()
        return frozenset(name.lower() for name in (self.host, *own, *self.public_names))


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches a host name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class ConnectedRooms:
    """The rooms that answer by themselves, and the hub that they tell; none unless given."""

    drives: tuple[RoomDrive, ...] = ()
    events: RoomEvents | None = None


def serve(
    desk: Desk,
    listening: Listening,
    settings: ServiceSettings,
    *,
    rooms: ConnectedRooms | None = None,
    announce: Callable[[str], None],
) -> None:
    """Serve a desk until somebody asks to stop (Ctrl+C, SIGTERM).

    Parameters
    ----------
    desk
        Open records.
    listening
        Where.
    settings
        How; the names of ``listening`` are taken.
    rooms
        What is connected.
    announce
        Is told the address once it can be reached.

    Raises
    ------
    MissingEvidenceError
        If nobody can sign in yet.
    InputError
        If the port is taken or the host is not one of this computer.
    """
    if not Accounts(desk.records, settings.hashing).has_administrator():
        msg = (
            "nobody can sign in yet: make the first administrator with "
            "isoguide staff administrator NAME --role ROLE"
        )
        raise MissingEvidenceError(msg)
    rooms = rooms or ConnectedRooms()
    app = create_app(desk, settings, events=rooms.events, drives=rooms.drives)
    with _bound(listening) as bound:
        config = uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            proxy_headers=listening.proxy is not None,
            forwarded_allow_ips=listening.proxy,
            server_header=False,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=_PATIENCE_WITH_THE_LAST_S,
        )
        announce(_address(listening, bound.getsockname()[1]))
        with suppress(KeyboardInterrupt):  # uvicorn raises it again when everything has ended
            uvicorn.Server(config).run(sockets=[bound])


def _bound(listening: Listening) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            listening.host, listening.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Only of a socket that says TCP does asyncio take Nagle's algorithm off. It would hold small messages
        # (an answer after its head, the motion) until the one before is acknowledged, which takes 40 ms.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        msg = f"'{listening.host}' is no address of this computer ({error.strerror}): name another --host"
        raise InputError(msg) from error
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()  # only now a second service is refused
    except OSError as error:
        bound.close()
        msg = (
            f"port {listening.port} of {listening.host} cannot be had ({error.strerror}): end the other "
            "program, or name another --port"
        )
        raise InputError(msg) from error
    return bound


def _address(listening: Listening, port: int) -> str:
    if listening.proxy is not None:
        return f"https://{listening.public_names[0]}/ (the proxy forwards to {listening.host}:{port})"
    name = listening.public_names[0] if listening.public_names else listening.host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
