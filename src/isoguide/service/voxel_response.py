"""Answers of bytes that never change under their address: a page may keep them, and names them by hash."""

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request, Response, status
from fastapi.responses import StreamingResponse

from isoguide.errors import MismatchError

FOREVER: Final = "private, max-age=31536000, immutable"
ASK_AGAIN: Final = "private, no-cache"
PART_BYTES: Final = 1 << 20
"""A volume goes out in parts, each when the one before is on its way: whole, it would be copied for everybody
who asks, and hold up whoever asks for something else."""


def bytes_response(
    request: Request,
    content: memoryview | bytes,
    sha256: str,
    *,
    wanted: str | None,
    media_type: str = "application/octet-stream",
) -> Response:
    """Answer with bytes under their hash, or with 304 to whoever has them.

    Parameters
    ----------
    request
        Its If-None-Match counts.
    content
        The bytes.
    sha256
        Of them, hexadecimal: the entity tag.
    wanted
        What the address names with ``?v=``; None where it names none, and then nobody may keep the answer
        unasked.
    media_type
        Of the content.

    Raises
    ------
    MismatchError
        If the address names other bytes than there are: nobody may see one picture for another.
    """
    if wanted is not None and wanted != sha256:
        msg = "this picture is not the one that the page was told of: load the page again"
        raise MismatchError(msg)
    tag = f'"{sha256}"'
    headers = {"ETag": tag, "Cache-Control": FOREVER if wanted is not None else ASK_AGAIN}
    known = [one.strip() for one in request.headers.get("If-None-Match", "").split(",")]
    if tag in known:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    if len(content) <= PART_BYTES:
        return Response(content, media_type=media_type, headers=headers)
    headers["Content-Length"] = str(len(content))
    return StreamingResponse(_parts(content), media_type=media_type, headers=headers)


async def _parts(content: memoryview | bytes) -> AsyncIterator[memoryview]:
    whole = memoryview(content)
    for start in range(0, len(whole), PART_BYTES):
        yield whole[start : start + PART_BYTES]


def sha256_of(content: bytes) -> str:
    """Return the entity tag of bytes that were made for one answer."""
    return hashlib.sha256(content).hexdigest()
