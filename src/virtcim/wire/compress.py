"""gzip for replies, chunk by chunk."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

LEVEL = 1  # what takes long to compress had better be sent
SMALLEST = 1400  # bytes; what fits a packet takes no less time when it is shorter
_GZIP = 16 + zlib.MAX_WBITS


def gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same content as one gzip member (RFC 1952); for each chunk what is ready, which may be nothing."""
    pressing = zlib.compressobj(LEVEL, wbits=_GZIP)
    for chunk in chunks:
        yield pressing.compress(chunk)
    yield pressing.flush()
