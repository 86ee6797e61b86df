"""Which volume a path is, whatever order pools are read in."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations

import pytest

from virtcim.host.images import Images

PATH = "/srv/images/a.qcow2"
Change = tuple["Pool | None", "Pool | None"]


@dataclass(frozen=True)
class Volume:
    name: str = "a.qcow2"
    path: str = PATH
    key: str = PATH
    is_directory: bool = False
    capacity: int = 1
    allocation: int = 0
    xml: str = "<volume/>"


@dataclass(frozen=True)
class Pool:
    key: str
    name: str
    volumes: tuple[Volume, ...] = field(default=(Volume(),))


FIRST, SECOND, EMPTY = Pool("1", "first"), Pool("2", "second"), Pool("1", "first", ())
AGAIN = Pool("3", "first")


def known_after(*changes: Change) -> str | None:
    """The pool that the path is in."""
    images = Images()
    for old, new in changes:
        before = images.among(frozenset([PATH]))
        moved = images.changed(old, new)
        assert (PATH in moved) == (images.among(frozenset([PATH])) != before)
    found = images.among(frozenset([PATH]))
    return found[PATH].pool if found else None


@pytest.mark.parametrize("order", list(permutations([(None, FIRST), (None, SECOND)])))
def test_a_path_in_two_pools_is_in_the_same_one_whichever_is_read_first(order: tuple[Change, ...]) -> None:
    assert known_after(*order) == "first"


@pytest.mark.parametrize("order", list(permutations([(None, FIRST), (None, SECOND)])))
@pytest.mark.parametrize(
    ("change", "left"),
    [((FIRST, None), "second"), ((FIRST, EMPTY), "second"), ((SECOND, None), "first")],
    ids=["the first goes", "the first loses it", "the second goes"],
)
def test_a_path_in_two_pools_is_in_the_other_once_one_is_gone(
    order: tuple[Change, ...], change: Change, left: str
) -> None:
    assert known_after(*order, change) == left


def test_a_pool_that_is_defined_anew_may_be_read_before_it_is_known_that_the_old_one_is_gone() -> None:
    assert known_after((None, FIRST), (None, AGAIN), (FIRST, None)) == "first"


def test_a_path_in_no_pool_is_nothing() -> None:
    assert known_after((None, FIRST), (FIRST, None)) is None
