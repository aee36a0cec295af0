"""A folder that a browser sends, handed on piece by piece as it comes in: never a whole file in memory."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from isoguide.errors import InputError, UnreadableError

FORM: Final = "multipart/form-data"
_DISPOSITION: Final = "content-disposition"
_BROKE_OFF: Final = "the upload broke off before its end, so nothing was kept: upload again"


class TakesFiles(Protocol):
    """Takes the files of a form, one after the other."""

    def begin_file(self, name: str) -> None:
        """Begin a file that the sender calls so."""

    def write(self, chunk: bytes) -> None:
        """Add to it."""

    def end_file(self) -> None:
        """End it."""


async def receive_files(content_type: str, body: AsyncIterator[bytes], taker: TakesFiles) -> None:
    """Hand the files of a form on as they come in; whatever else is in the form is passed over.

    Parameters
    ----------
    content_type
        As the request states it.
    body
        Of the request.
    taker
        Gets the files; it is called in a thread, because disks are slow.

    Raises
    ------
    UnreadableError
        If it is no such form, or breaks off.
    InputError
        What the taker raises.
    """
    form = _Form(_boundary(content_type), taker)
    try:
        async for chunk in body:
            if chunk:
                await run_in_threadpool(form.feed, chunk)
    except ClientDisconnect as error:
        raise UnreadableError(_BROKE_OFF) from error
    if not form.is_complete:
        raise UnreadableError(_BROKE_OFF)


class _Form:
    """The form so far."""

    def __init__(self, boundary: bytes, taker: TakesFiles) -> None:
        self.is_complete = False
        self._taker, self._is_file = taker, False
        self._name, self._value, self._disposition = b"", b"", b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_part_data": self._content,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            msg = f"the upload cannot be read ({error}): upload again"
            raise UnreadableError(msg) from error

    def _begin_part(self) -> None:
        self._disposition, self._is_file = b"", False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.decode("latin-1").lower() == _DISPOSITION:
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename")
        self._is_file = name is not None
        if name is not None:
            self._taker.begin_file(name.decode("utf-8", errors="replace"))

    def _content(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._taker.write(data[start:end])

    def _end_part(self) -> None:
        if self._is_file:
            self._taker.end_file()

    def _end(self) -> None:
        self.is_complete = True


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind.decode("latin-1") != FORM or not boundary:
        msg = f"an upload is a form with files ({FORM}), not '{content_type[:40]}': send one"
        raise InputError(msg)
    return boundary
