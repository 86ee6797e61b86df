"""DSP1076 KVM Redirection: what the suite's own client of a console makes of its access point."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

from pywbem import CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.dsp1054_delivery import listening, subscribe
from virtcim.conformance.dsp1076 import ACCESS, GRAPHICS
from virtcim.conformance.methods import SETTLING, wait_until
from virtcim.conformance.paths import show
from virtcim.conformance.redirection import DISABLED, ENABLED, OFFLINE, of_system
from virtcim.conformance.site import Site
from virtcim.conformance.systems import DISABLED as OFF
from virtcim.conformance.systems import activate, memory, processors, reach, temporary
from virtcim.conformance.verdict import expect, expect_none, skip_unless

CONNECTING = 5.0  # seconds
VNC = "vnc"  # ResourceSubType
SECRET = "pw7Kq2xZ"  # the longest that VNC knows
CHANGES = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_KVMRedirectionSAP"


def console_setting(site: Site, **properties: object) -> CIMInstance:
    """A VNC console to ask for, of the class that such ones of the server have."""
    graphics = [one for one in site.instances("CIM_ResourceAllocationSettingData") if one.get("ResourceSubType") == VNC]
    skip_unless(graphics, "no virtual system has a VNC console")
    return CIMInstance(graphics[0].classname, {"ResourceType": Uint16(GRAPHICS), "ResourceSubType": VNC, **properties})


@contextmanager
def console(site: Site, **properties: object) -> Iterator[tuple[CIMInstanceName, CIMInstance]]:
    """An active system of our own with a VNC console, and the access point to that, which waits for clients."""
    asked = [processors(site, 1), memory(site, 64), console_setting(site, **properties)]
    with temporary(site, resources=asked) as system:
        activate(site, system)
        found = of_system(site, system, ACCESS)
        expect(len(found) == 1, f"{show(system)} has {len(found)} access points for one console")
        skip_unless(found[0].get("EnabledState") != DISABLED, "the platform gives its consoles no port")
        yield system, found[0]


def port_of(site: Site, access: CIMInstance) -> tuple[str, int]:
    """Where the console is, one association away from its access point, or two."""
    across = site.across(access.path, "CIM_RemoteAccessAvailableToElement", "CIM_RemoteServiceAccessPoint", "Dependent")
    for one in across:
        url = urlsplit(str(one.get("AccessInfo")))
        if url.hostname and url.port:
            return url.hostname, url.port
    bound = site.across(access.path, "CIM_BindsTo", "CIM_TCPProtocolEndpoint", "Dependent")
    expect(bound and bound[0].get("PortNumber"), f"no port can be found from {show(access)}")
    return urlsplit(site.cim.url).hostname or "localhost", int(bound[0]["PortNumber"])


def connected(site: Site, access: CIMInstance) -> socket.socket:
    """A connection to the console, on which the server of it has begun to speak."""
    host, port = port_of(site, access)
    try:
        found = socket.create_connection((host, port), timeout=CONNECTING)
    except OSError as error:
        expect(False, f"{show(access)} leads to {host}:{port}, which cannot be connected to: {error}")
        raise
    with suppress(OSError):
        found.recv(12)
    return found


def state_of(site: Site, access: CIMInstance) -> int:
    return int(site.get(access.path).get("EnabledState") or 0)


def settle(site: Site, access: CIMInstance, state: int) -> None:
    what = f"EnabledState {state} of {show(access)}"
    wait_until(site, lambda: state_of(site, access) == state, what, SETTLING)


@check("DSP1076-R06", write=True)
def follows_its_clients(site: Site) -> None:
    """EnabledState is 6 without a client, 2 while one is connected, and 6 again."""
    with console(site) as (_, access):
        settle(site, access, OFFLINE)
        with closing(connected(site, access)):
            settle(site, access, ENABLED)
        settle(site, access, OFFLINE)


@check("DSP1076-R09", write=True)
def keeps_its_name(site: Site) -> None:
    """The Name of an access point outlives clients and restarts of its system."""
    with console(site) as (system, access):
        with closing(connected(site, access)):
            settle(site, access, ENABLED)
        reach(site, system, OFF, OFF)
        activate(site, system)
        expect(site.exists(access.path), f"{show(access)} is gone after a restart of {show(system)}")


@check("DSP1076-R10", write=True)
def leads_to_a_port(site: Site) -> None:
    """From the access point of an active console at most two associations lead to a port that can be connected to."""
    with console(site) as (_, access), closing(connected(site, access)):
        return


@check("DSP1076-R12", write=True)
def hides_passwords(site: Site) -> None:
    """No property of any instance holds the password of a console."""
    setting = console_setting(site)
    declared = site.cls(setting.classname)
    skip_unless(declared and "Password" in declared.properties, f"{setting.classname} has no Password to set")
    asked = console_setting(site, Password=SECRET)
    with temporary(site, resources=[processors(site, 1), memory(site, 64), asked]):
        site.forget()
        expect_none([f"{show(one)} tells it" for one in site.instances("CIM_ManagedElement") if SECRET in one.tomof()])


@check("DSP1076-R13", write=True)
def tells_of_clients(site: Site) -> None:
    """A change of EnabledState of an access point is told to those who have subscribed to it."""
    with console(site) as (_, access), listening(site) as (made, ears):
        subscribe(made, made.destination(Destination=ears.url), CHANGES)
        with closing(connected(site, access)):
            settle(site, access, ENABLED)
            ears.wait(lambda heard: _tells(heard, access), f"EnabledState {ENABLED} of {show(access)}")


def _tells(heard: list[CIMInstance], access: CIMInstance) -> bool:
    sources = [one["SourceInstance"] for one in heard]
    return any(one.get("Name") == access["Name"] and one.get("EnabledState") == ENABLED for one in sources)
