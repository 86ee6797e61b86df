"""CIM_Error in ERROR elements: what it says by status, what pywbem reads of it, and that wbemcli still reads errors."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path as File

import pytest
import pywbem
from tests.wire.samples import Served, system_path

from virtcim.broker.call import Answer, Argument, Call, CIMError, ClassPath, Instance, Path, Status, Value
from virtcim.messages import message
from virtcim.resources import mof_dir
from virtcim.wire.extended_errors import CLASS, LONGEST_SOURCE, extended

LINK = Path("Virt_Link", (("Antecedent", Path("A", (("Name", 'x"y\\'),))),))


def call(target: Path | ClassPath | None = None, **parameters: Value | Argument) -> Call:
    return Call("7", "GetInstance", "root/virt", parameters, target)


SOURCES = {
    "a path": (call(InstanceName=Path("A", (("N", "x"),))), '/root/virt:A.N="x"'),
    "a path elsewhere": (call(InstanceName=Path("A", (("N", "x"), ("M", "2")), "interop")), '/interop:A.N="x",M="2"'),
    "a class": (call(LocalOnly="false", ClassName=ClassPath("CIM_X")), "/root/virt:CIM_X"),
    "a new instance": (call(NewInstance=Instance("CIM_X")), "/root/virt:CIM_X"),
    "a changed instance": (call(ModifiedInstance=Instance("B", {}, Path("A", ()))), "/root/virt:A"),
    "a target": (call(ClassPath("CIM_X"), Reference=Argument(Path("A", ()))), "/root/virt:CIM_X"),
    "a reference in a key": (
        call(InstanceName=LINK),
        '/root/virt:Virt_Link.Antecedent="A.Name=\\"x\\\\\\"y\\\\\\\\\\""',
    ),
    "no path": (call(QueryLanguage="WQL"), None),
    "a target that could not be read": (call(ClassPath("")), None),
    "a path too long": (call(InstanceName=Path("A", (("N", "x" * LONGEST_SOURCE),))), None),
}


@pytest.mark.parametrize(("given", "source"), SOURCES.values(), ids=SOURCES.keys())
def test_source(given: Call, source: str | None) -> None:
    found = extended(given, CIMError(Status.FAILED, "x")).properties
    assert found.get("ErrorSource") == source
    assert found.get("ErrorSourceFormat") == (None if source is None else 2)


@pytest.mark.parametrize("status", Status, ids=lambda status: status.name)
def test_each_status(status: Status) -> None:
    found = extended(call(), CIMError(status, "why")).properties
    assert found["CIMStatusCode"] == int(status)
    assert found["CIMStatusCodeDescription"] == f"CIM_ERR_{status.name}"
    assert found["MessageID"] == f"VIRTCIM1{int(status):03}"
    assert (found["OwningEntity"], found["Message"], found["MessageArguments"]) == ("virtcim", "why", ["why"])


def test_message_of_its_own() -> None:
    """An error that is a message shows as that one, whatever status it comes with."""
    found = extended(call(), CIMError(Status.INVALID_PARAMETER, message("VS_GONE", "web1"))).properties
    assert (found["MessageID"], found["MessageArguments"]) == ("VIRTCIM0402", ["web1"])
    assert (found["Message"], found["CIMStatusCode"]) == ("virtual system web1 is gone", 4)
    assert (found["ErrorType"], found["PerceivedSeverity"], found["ProbableCause"]) == (9, 4, 73)
    assert found["RecommendedActions"] == ["Enumerate the virtual systems again."]


def test_no_users_of_uris(served: Served) -> None:
    def answer(_call: Call) -> Answer:
        raise CIMError(Status.FAILED, "libvirt at qemu+ssh://root:secret@far/system is gone")

    served.answer = answer
    client = pywbem.WBEMConnection(served.url, default_namespace="root/virt")
    with pytest.raises(pywbem.CIMError) as error:
        client.GetInstance(pywbem.CIMInstanceName("Virt_System", {"Name": "vm1"}))
    (found,) = error.value.instances
    assert found["Message"] == error.value.status_description == "libvirt at qemu+ssh://far/system is gone"


def test_declared_as_in_the_schema() -> None:
    text = File(mof_dir(), "cim", "CIM_Error.mof").read_text()
    for declared in CLASS.properties.values():
        assert re.search(rf"\b{declared.type} {declared.name}\b", text), declared.name


@pytest.mark.parametrize("method", [False, True], ids=["operation", "method"])
def test_pywbem_reads_it(served: Served, method: bool) -> None:
    def answer(_call: Call) -> Answer:
        raise CIMError(Status.ACCESS_DENIED, "not <you> & \x00 not \ud800 here")

    served.answer = answer
    client = pywbem.WBEMConnection(served.url, default_namespace="root/virt")
    name = pywbem.CIMInstanceName("Virt_System", {"Name": "vm1"})
    with pytest.raises(pywbem.CIMError) as error:
        client.InvokeMethod("Start", name) if method else client.GetInstance(name)
    (found,) = error.value.instances
    assert found.classname == "CIM_Error"
    assert found["Message"] == error.value.status_description == "not <you> & \ufffd not \ufffd here"
    assert (found["CIMStatusCode"], found["ErrorType"], found["PerceivedSeverity"]) == (2, 7, 5)
    assert found["ErrorSource"] == '/root/virt:Virt_System.Name="vm1"'
    assert found["CIMStatusCode"].cimtype == "uint32"


@pytest.mark.skipif(shutil.which("wbemcli") is None, reason="wbemcli is not installed")
@pytest.mark.parametrize("command", ["gi", "ei", "ain", "gc", "di"])
def test_wbemcli_still_reads_errors(served: Served, command: str) -> None:
    def answer(_call: Call) -> Answer:
        raise CIMError(Status.NOT_FOUND, f"no such instance: {system_path()}")

    served.answer = answer
    path = "Virt_System" if command in ("ei", "gc") else 'Virt_System.Name="x"'
    arguments = ["wbemcli", "-nl", command, f"{served.url}/root/virt:{path}"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=False)
    said = done.stdout + done.stderr
    assert "CIM_ERR_NOT_FOUND" in said, said
    assert "no such instance" in said
