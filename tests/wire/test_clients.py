"""Real clients read what we write: pywbem for errors, wbemcli for the forms that it asks for."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import pywbem
from tests.wire.samples import Served, declared, link, system, system_path

from virtcim.broker.call import Answer, Call, CIMError, ClassView, Form, MethodAnswer, Out, Selection, Status

ORIGIN = Selection(class_origin=True)  # what wbemcli asks for


def test_pywbem_error(served: Served) -> None:
    def answer(_call: Call) -> Answer:
        raise CIMError(Status.NOT_FOUND, 'no system "vm1" here: <&>')

    served.answer = answer
    client = pywbem.WBEMConnection(served.url, default_namespace="root/virt")
    with pytest.raises(pywbem.CIMError) as error:
        client.GetInstance(pywbem.CIMInstanceName("Virt_System", {"Name": "vm1"}))
    assert (error.value.status_code, error.value.status_description) == (6, 'no system "vm1" here: <&>')


def test_pywbem_sees_refused_parameters(served: Served) -> None:
    client = pywbem.WBEMConnection(served.url, default_namespace="root/virt")
    with pytest.raises(pywbem.CIMError) as error:
        client.InvokeMethod("Start", "Virt_System", [("A", "x"), ("a", "y")])
    assert (error.value.status_code, error.value.status_description) == (4, "parameter a is given twice")
    assert not served.calls


def test_pywbem_void_operation(served: Served) -> None:
    client = pywbem.WBEMConnection(served.url, default_namespace="root/virt")
    client.DeleteInstance(pywbem.CIMInstanceName("Virt_System", {"Name": "vm1"}))
    assert [call.name for call in served.calls] == ["DeleteInstance"]


SYSTEM = system("vm <1>", EnabledState=2)
PATH = 'Virt_System.CreationClassName="Virt_System",Name="vm <1>"'
LINK = 'Antecedent=root/virt:Virt_System.CreationClassName="Virt_System",Name="a"'
OUT = (Out(declared("Job", "reference"), system_path()), Out(declared("Lines", is_array=True), ["x", "y"]))
WBEMCLI = {
    "ei": (
        Answer(Form.NAMED_INSTANCE, [SYSTEM, system("b")], ORIGIN),
        "Virt_System",
        [PATH, 'Name="b"', "-EnabledState=2"],
    ),
    "ein": (Answer(Form.INSTANCE_NAME, [SYSTEM, system("b")]), "Virt_System", [PATH, 'Name="b"']),
    "gi": (Answer(Form.INSTANCE, [SYSTEM], ORIGIN), 'Virt_System.Name="x"', ['-Name="vm <1>"', "-Caption="]),
    "ai": (Answer(Form.OBJECT_WITH_PATH, [SYSTEM], ORIGIN), 'Virt_System.Name="x"', [f"here/root/virt:{PATH}"]),
    "ain": (Answer(Form.OBJECT_PATH, [SYSTEM]), 'Virt_System.Name="x"', [f"here/root/virt:{PATH}"]),
    "ri": (Answer(Form.OBJECT_WITH_PATH, [link("a", "b")], ORIGIN), 'Virt_System.Name="x"', [LINK, "-Dependent="]),
    "rin": (Answer(Form.OBJECT_PATH, [link("a", "b")]), 'Virt_System.Name="x"', [LINK]),
    "di": (Answer(Form.NOTHING), 'Virt_System.Name="x"', []),
    "cm": (
        MethodAnswer(4096, "uint32", OUT),
        'Virt_System.Name="x"',
        ["Start: 4096", "Job (reference): root/virt:", "x,y"],
    ),
}


@pytest.mark.skipif(shutil.which("wbemcli") is None, reason="wbemcli is not installed")
@pytest.mark.parametrize(("command", "case"), WBEMCLI.items(), ids=WBEMCLI.keys())
def test_wbemcli(served: Served, command: str, case: tuple[Answer | MethodAnswer, str, list[str]]) -> None:
    answer, path, wanted = case
    # wbemcli asks for the class first, to learn the types of a method's parameters.
    start = pywbem.CIMClass("Virt_System", methods=[pywbem.CIMMethod("Start", "uint32")])
    served.answer = lambda call: Answer(Form.CLASS, [ClassView(start)]) if call.name == "GetClass" else answer
    arguments = ["wbemcli", "-nl", command, f"{served.url}/root/virt:{path}", *(["Start"] if command == "cm" else [])]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=True)
    assert not done.stderr.strip(" *\n")
    for text in wanted:
        assert text in done.stdout
