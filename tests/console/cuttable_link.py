"""A link between a browser and the service that a test can cut, as a cable that somebody pulls."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttableLink:
    """A TCP proxy. While it is cut, bytes get lost on the way, and nobody is told that the link is down."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_whole = threading.Event()
        self._is_whole.set()
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._goal = 0

    @contextmanager
    def to(self, port: int) -> Iterator[None]:
        """Forward to a port of this computer."""
        self._goal = port
        thread = threading.Thread(target=self._accept, name="link", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # Closing alone would leave the thread waiting, and it would take in one connection more.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            thread.join(5.0)
            self._listener.close()
            self._hang_up()

    def cut(self) -> None:
        """Let nothing through from now on, in either direction; nothing is closed."""
        self._is_whole.clear()

    def mend(self) -> None:
        """Let new connections through; those that were cut are gone."""
        if not self._is_whole.is_set():
            self._hang_up()
            self._is_whole.set()

    def _hang_up(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for one in (end for pair in pairs for end in pair):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._goal))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._pairs.append((near, far))
            for source, goal in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, goal), daemon=True).start()

    def _pump(self, source: socket.socket, goal: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._is_whole.is_set():
                    goal.sendall(data)
        for end in (source, goal):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
