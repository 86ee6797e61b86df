"""`make fuzz`: mutated requests to the decoder and to a running server, for as many as are wanted."""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.conftest import running_server
from tests.fuzz.corpus import REQUESTS
from tests.fuzz.mutate import mutated
from tests.fuzz.sockets import Found, Prober

from virtcim.wire.elements import ANY_SIZE
from virtcim.wire.faults import HTTPFault, RefusedCall
from virtcim.wire.repeated import Decoder

SLOW = 5.0  # seconds for one input: what takes longer counts as a hang
GROWTH = 50 * 1024  # KiB that may be used more at the end than after the first tenth
STATUSES = frozenset({400, 501})
DECODER = Decoder(ANY_SIZE)
BODIES = [one.body for one in REQUESTS]


def fuzz_decode(count: int, seed: int) -> int:
    """Decode as many inputs; answers how many of them were calls. Errors: Found."""
    random, calls, before = Random(seed), 0, 0
    for number in range(count):
        if number == count // 10:
            before = _used()
        calls += _decoded(mutated(random, BODIES))
    if count >= 10_000 and _used() - before > GROWTH:
        raise Found(f"memory grew by {_used() - before} KiB over {count} inputs from seed {seed}")
    return calls


def _decoded(body: bytes) -> bool:
    started = time.monotonic()
    try:
        DECODER.decode(body)
    except HTTPFault as fault:
        if fault.status not in STATUSES:
            raise Found(f"{fault}: {body!r}") from fault
        return False
    except RefusedCall:
        pass
    except Exception as error:
        raise Found(f"{error!r}: {body!r}") from error
    finally:
        if time.monotonic() - started > SLOW:
            raise Found(f"took {time.monotonic() - started:.1f} s: {body[:10_000]!r}")
    return True


def fuzz_sockets(count: int, seed: int, url: str) -> dict[int, int]:
    """Send as many requests; answers how often each HTTP status came. Errors: Found."""
    random, before = Random(seed), 0
    prober = Prober(url)
    try:
        for number in range(count):
            if number == count // 10:
                before = _used()
            prober.probe(random)
    finally:
        prober.close()
    if count >= 10_000 and _used() - before > GROWTH:
        raise Found(f"memory grew by {_used() - before} KiB over {count} requests from seed {seed}")
    return dict(sorted(prober.statuses.items()))


def _used() -> int:
    """Memory that is used now, in KiB; what one large input took for a moment does not count."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def main() -> int:
    """Answers 1 after a finding, which is printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decode", type=int, default=1_000_000, help="inputs to the decoder")
    parser.add_argument("--sockets", type=int, default=20_000, help="requests to a server")
    parser.add_argument("--seed", type=int, default=None, help="begin of the random numbers; another one each time")
    parser.add_argument("--jobs", type=int, default=2, help="processes that decode")
    chosen = parser.parse_args()
    seed = int(time.time()) if chosen.seed is None else chosen.seed
    sys.stdout.write(f"seed {seed}\n")
    try:
        with get_context("spawn").Pool(chosen.jobs) as pool:
            parts = [(chosen.decode // chosen.jobs, seed + number) for number in range(chosen.jobs)]
            calls = sum(pool.starmap(fuzz_decode, parts))
        sys.stdout.write(f"{chosen.decode} inputs decoded, {calls} of them calls\n")
        with tempfile.TemporaryDirectory() as state, running_server(Path(state)) as server:
            statuses = fuzz_sockets(chosen.sockets, seed, server.url)
        sys.stdout.write(f"{chosen.sockets} requests sent, by status: {statuses}\n")
    except Found as found:
        sys.stdout.write(f"FOUND {found}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
