"""The service on a port of this computer, run in a thread as ``isoguide serve`` runs it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from cuttable_link import CuttableLink
from fastapi import FastAPI

from isoguide.workflow.clinic.room_events import RoomEvents


@contextmanager
def serving(app: FastAPI, events: RoomEvents, link: CuttableLink) -> Iterator[None]:
    """Serve an application behind a link until the block ends."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    bound = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=lambda: server.run(sockets=[bound]), name="served", daemon=True)
    thread.start()
    try:
        with link.to(bound.getsockname()[1]):
            yield
    finally:
        events.close()
        server.should_exit = True
        thread.join(15.0)
        bound.close()
