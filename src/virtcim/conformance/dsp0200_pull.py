"""DSP0200 pulled enumerations; not applicable to a server that answers Open with CIM_ERR_NOT_SUPPORTED."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pywbem import CIMError, Uint32

from virtcim.conformance.check import check
from virtcim.conformance.paths import key
from virtcim.conformance.site import NOT_SUPPORTED, Site, cim_status
from virtcim.conformance.verdict import expect, skip, skip_unless

QUERY_LANGUAGE_NOT_SUPPORTED = 14
INVALID_CONTEXT = 21
INVALID_TIMEOUT = 22
FILTERS_NOT_SUPPORTED = 25
CONTINUATION_NOT_SUPPORTED = 26
CLASS = "CIM_RegisteredProfile"


def opened(operation: Callable[[], Any]) -> Any:
    """The session an Open operation starts, or the check is not applicable."""
    try:
        return operation()
    except CIMError as error:
        if error.status_code == NOT_SUPPORTED:
            skip("the server has no pulled enumerations")
        raise


def open_profiles(site: Site, **options: Any) -> Any:
    """A session over the registered profiles."""
    return opened(lambda: site.cim.OpenEnumerateInstances(CLASS, site.interop, **options))


def open_unfinished(site: Site) -> Any:
    """A session that has something left to pull."""
    skip_unless(site.names(CLASS, site.interop), "no instance to enumerate")
    session = open_profiles(site, MaxObjectCount=0)
    expect(not session.eos, "Open with MaxObjectCount 0 ended the sequence although there are instances")
    return session


def expect_status(operation: Callable[[], object], what: str, *wanted: int) -> None:
    """Fail unless the operation ends with one of the CIM statuses."""
    got = cim_status(operation)
    expect(got in wanted, f"{what} gave {got} instead of {' or '.join(map(str, wanted))}")


@check("DSP0200-R16")
def pulled_whole(site: Site) -> None:
    """Open with MaxObjectCount 0 gives a context and no object; the pulls add up to the enumeration, each once."""
    session = open_unfinished(site)
    expect(not session.instances, f"Open with MaxObjectCount 0 returned {len(session.instances)} instances")
    pulled = []
    while not session.eos:
        session = site.cim.PullInstancesWithPath(session.context, MaxObjectCount=2)
        expect(len(session.instances) <= 2, f"a pull of 2 returned {len(session.instances)}")
        pulled += [key(one.path, site.interop) for one in session.instances]
    expect(len(pulled) == len(set(pulled)), "an instance was pulled twice")
    whole = {key(path, site.interop) for path in site.names(CLASS, site.interop)}
    expect(set(pulled) == whole, f"{len(set(pulled) ^ whole)} instances are in one of pull and enumeration only")


@check("DSP0200-R17")
def ended_context(site: Site) -> None:
    """A context is invalid (21) once the sequence has ended."""
    first = open_unfinished(site)
    session = first
    while not session.eos:
        session = site.cim.PullInstancesWithPath(session.context, MaxObjectCount=1000)
    expect_status(
        lambda: site.cim.PullInstancesWithPath(first.context, MaxObjectCount=1), "a pull after the end", INVALID_CONTEXT
    )


@check("DSP0200-R18")
def closed_context(site: Site) -> None:
    """After CloseEnumeration both a pull and a second close give 21."""
    session = open_unfinished(site)
    site.cim.CloseEnumeration(session.context)
    expect_status(
        lambda: site.cim.PullInstancesWithPath(session.context, MaxObjectCount=1), "a pull after close", INVALID_CONTEXT
    )
    expect_status(lambda: site.cim.CloseEnumeration(session.context), "a second close", INVALID_CONTEXT)


@check("DSP0200-R19")
def context_of_another_kind(site: Site) -> None:
    """A context of instances used to pull paths gives 21 and no data."""
    session = open_unfinished(site)
    expect_status(
        lambda: site.cim.PullInstancePaths(session.context, MaxObjectCount=1), "PullInstancePaths", INVALID_CONTEXT
    )
    left_open = cim_status(lambda: site.cim.CloseEnumeration(session.context))
    expect(left_open in (0, INVALID_CONTEXT), f"closing the session afterwards gave {left_open}")


@check("DSP0200-R20")
def open_options(site: Site) -> None:
    """An excessive timeout gives 22, an unknown filter language 14 or 25, an unsupported ContinueOnError 26."""
    open_profiles(site, MaxObjectCount=100)
    cases = [
        ("OperationTimeout 4294967295", {"OperationTimeout": Uint32(4294967295)}, (INVALID_TIMEOUT,)),
        (
            "filter language X",
            {"FilterQueryLanguage": "X", "FilterQuery": "x"},
            (QUERY_LANGUAGE_NOT_SUPPORTED, FILTERS_NOT_SUPPORTED),
        ),
        ("ContinueOnError", {"ContinueOnError": True}, (0, CONTINUATION_NOT_SUPPORTED)),
    ]
    for what, options, wanted in cases:
        expect_status(lambda given=options: open_profiles(site, MaxObjectCount=100, **given), what, *wanted)  # type: ignore[misc]
