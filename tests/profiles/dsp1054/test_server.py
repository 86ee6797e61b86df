"""The whole server as a process: pywbem's subscription manager and listener, a client of old, and kill -9."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path as File
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlsplit

import pytest
import pywbem
from tests.broker.listeners import listening
from tests.broker.postgres import free_port, running_postgres
from tests.profiles.processes import MODIFIED, Process, subscribe


@pytest.fixture
def server(tmp_path: File) -> Iterator[Process]:
    server = Process(tmp_path, indication_retry_interval="0.3", indication_retry_attempts="20")
    yield server
    server.stop()


def enabled_states(indications: list[Any]) -> list[int]:
    return [
        one["SourceInstance"]["EnabledState"] for one in indications if "EnabledState" in one["ChangedPropertyNames"]
    ]


def test_pywbem_subscribes_listens_and_leaves_nothing(server: Process) -> None:
    heard: Queue[Any] = Queue()
    listener = pywbem.WBEMListener("127.0.0.1", http_port=free_port())
    listener.add_callback(lambda indication, _host: heard.put(indication))
    listener.start()
    try:
        with pywbem.WBEMSubscriptionManager("tests") as manager:
            server_id = manager.add_server(pywbem.WBEMServer(server.cim))
            url = f"http://127.0.0.1:{listener.http_port}"
            destination = manager.add_destination(server_id, url, destination_id="d")
            with pytest.raises(pywbem.CIMError, match="already exists"):
                manager.add_destination(server_id, url, destination_id="d")
            watched = manager.add_filter(server_id, ["root/virt"], MODIFIED, "DMTF:CQL", filter_id="f")
            manager.add_subscriptions(server_id, watched.path, destination.path)
            with pytest.raises(pywbem.CIMError) as refused:
                server.cim.DeleteInstance(watched.path)
            assert refused.value.status_code == pywbem.CIM_ERR_FAILED
            server.toggle()
            indication = heard.get(timeout=10)
            assert indication.classname == "Test_ComputerSystemModifiedIndication"
            assert indication["IndicationFilterName"] == "pywbemfilter:tests:f"
            assert indication["PreviousInstance"]["Name"] == "web2"
    finally:
        listener.stop()
    assert server.cim.EnumerateInstanceNames("CIM_ListenerDestination") == []
    assert server.cim.EnumerateInstanceNames("CIM_IndicationSubscription") == []
    while not heard.empty():
        heard.get()
    server.toggle()
    with pytest.raises(Empty):
        heard.get(timeout=0.5)


OLD_CLIENT = """
<?xml version="1.0" encoding="utf-8"?>
<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="4711" PROTOCOLVERSION="1.0"><SIMPLEREQ>
<IMETHODCALL NAME="CreateInstance"><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="PG_InterOp"/>
</LOCALNAMESPACEPATH><IPARAMVALUE NAME="NewInstance"><INSTANCE CLASSNAME="{classname}">
{properties}</INSTANCE></IPARAMVALUE></IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>"""
REFERENCE = """<PROPERTY.REFERENCE NAME="{name}" REFERENCECLASS="{cls}"><VALUE.REFERENCE>
<INSTANCENAME CLASSNAME="{cls}">
<KEYBINDING NAME="SystemCreationClassName"><KEYVALUE VALUETYPE="string">Linux_ComputerSystem</KEYVALUE></KEYBINDING>
<KEYBINDING NAME="SystemName"><KEYVALUE VALUETYPE="string">localhost.localdomain</KEYVALUE></KEYBINDING>
<KEYBINDING NAME="CreationClassName"><KEYVALUE VALUETYPE="string">{cls}</KEYVALUE></KEYBINDING>
<KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">{key}</KEYVALUE></KEYBINDING>
</INSTANCENAME></VALUE.REFERENCE></PROPERTY.REFERENCE>"""


def plain(**values: str) -> str:
    return "".join(
        f'<PROPERTY NAME="{name}" TYPE="string"><VALUE>{value}</VALUE></PROPERTY>' for name, value in values.items()
    )


def test_a_client_of_libvirt_cim_subscribes_with_its_own_xml(server: Process) -> None:
    """The deprecated handler, blanks before the declaration, keys of a system that is not ours, a WQL query."""
    own = {"SystemCreationClassName": "Linux_ComputerSystem", "SystemName": "localhost.localdomain"}
    handler, watched = "CIM_IndicationHandlerCIMXML", "CIM_IndicationFilter"
    query = "SELECT * FROM Test_ComputerSystemModifiedIndication\n"
    with listening("empty") as listener:
        bodies = (
            (watched, plain(**own, Name="filter", Query=query, QueryLanguage="WQL", SourceNamespace="root/virt")),
            (handler, plain(**own, Name="handler", Destination=listener.url)),
            (
                "CIM_IndicationSubscription",
                REFERENCE.format(name="Filter", cls=watched, key="filter")
                + REFERENCE.format(name="Handler", cls=handler, key="handler"),
            ),
        )
        for classname, properties in bodies:
            body = OLD_CLIENT.format(classname=classname, properties=properties).lstrip("\n")
            connection = HTTPConnection(urlsplit(server.url).netloc)
            headers = {"CIMOperation": "MethodCall", "CIMMethod": "CreateInstance", "CIMObject": "root/PG_InterOp"}
            connection.request("POST", "/cimom", body, headers | {"Content-Type": "application/xml"})
            answer = connection.getresponse().read().decode()
            connection.close()
            assert "<ERROR" not in answer
            assert re.search(rf'INSTANCENAME CLASSNAME="{classname}"', answer)
        server.toggle()
        listener.wait_for(1)
        assert listener.indications[0].classname == "Test_ComputerSystemModifiedIndication"


def wait_for_queue(file: File, length: int, seconds: float = 20.0) -> None:
    """Until so many indications wait for their listener."""
    deadline = time.monotonic() + seconds
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        while database.execute("SELECT count(*) FROM deliveries").fetchone()[0] < length:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_kill_9_loses_nothing(server: Process) -> None:
    """What was acknowledged, and what was queued for a listener that was away, is there after the restart."""
    with listening("500") as listener:
        path = subscribe(server, listener.url)
        for _ in range(4):
            server.toggle()
        listener.wait_for(1)
        wait_for_queue(server.state / "virtcim.db", 4)
        server.kill()
        refused = len(listener.bodies)
        listener.mode = "good"
        server.start()
        listener.wait_for(refused + 4)
        server.toggle()
        listener.wait_for(refused + 5)
        assert server.cim.GetInstance(path)["SubscriptionState"] == 2
        taken = listener.indications[refused:]
        contexts = list(dict.fromkeys(one["SequenceContext"] for one in taken))
        assert len(contexts) == 2
        for context in contexts:
            numbers = [one["SequenceNumber"] for one in taken if one["SequenceContext"] == context]
            assert numbers == list(range(len(numbers)))
        old = [one for one in taken if one["SequenceContext"] == contexts[0]]
        assert enabled_states(old) == [9, 2, 9, 2]


def test_a_job_that_was_cut_off_says_so(server: Process) -> None:
    """A reboot; after kill -9 the job is there, says that nobody knows whether it was done, and its listener hears."""
    with listening() as listener:
        subscribe(server, listener.url, "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ConcreteJob")
        keys = {"CreationClassName": "Test_ComputerSystem", "Name": "web2"}
        system = pywbem.CIMInstanceName("Test_ComputerSystem", keys, namespace="root/virt")
        code, out = server.cim.InvokeMethod("RequestStateChange", system, RequestedState=pywbem.Uint16(10))
        assert code == 4096
        listener.wait_for(2)
        server.kill()
        set_running(server.state / "virtcim.db")
        heard = len(listener.bodies)
        server.start()
        job = ended_job(server, out["Job"])
        assert (job["JobState"], job["HealthState"], job["PercentComplete"] < 100) == (10, 0, True)
        assert "whether it has" in job["ErrorDescription"]
        assert job["JobInParameters"]["RequestedState"] == 10
        code, errors = server.cim.InvokeMethod("GetErrors", job.path)
        assert (code, len(errors["Errors"])) == (0, 1)
        owners = server.cim.AssociatorNames(job.path, AssocClass="CIM_OwningJobElement")
        affected = server.cim.AssociatorNames(job.path, AssocClass="CIM_AffectedJobElement")
        assert [path["Name"] for path in (*owners, *affected)] == ["web2", "web2"]
        listener.wait_for(heard + 1)
        assert listener.indications[-1]["SourceInstance"]["JobState"] == 10


def ended_job(server: Process, path: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    """A job after its end; what became of one of an earlier run has to be found out first."""
    deadline = time.monotonic() + 20
    job = server.cim.GetInstance(path)
    while job["JobState"] == 4 and time.monotonic() < deadline:
        time.sleep(0.05)
        job = server.cim.GetInstance(path)
    return job


def set_running(database: File) -> None:
    """As if the job had still been running when the server died: the embedded node is quicker than a kill."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE jobs SET state = 4, document = replace(document, '\"percent\": 100', '\"percent\": 40')"
        )
        connection.commit()


def test_kill_9_under_load(server: Process) -> None:
    """Clients that create while the server dies again and again: what was acknowledged is there."""
    acknowledged: list[str] = []
    failures: list[str] = []
    over = threading.Event()

    def create() -> None:
        number = 0
        while not over.is_set():
            number += 1
            name = f"filter {threading.get_ident()} {number}"
            given = {"Name": name, "Query": "SELECT * FROM CIM_InstCreation", "QueryLanguage": "DMTF:CQL"}
            try:
                cim = pywbem.WBEMConnection(server.url, default_namespace="interop", timeout=5)
                cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationFilter", given))
            except (pywbem.ConnectionError, pywbem.HTTPError, pywbem.TimeoutError):
                time.sleep(0.05)
            except pywbem.Error as error:
                failures.append(str(error))
            else:
                acknowledged.append(name)

    clients = [threading.Thread(target=create) for _ in range(3)]
    for client in clients:
        client.start()
    for count in (3, 7, 12, 15):
        deadline = time.monotonic() + 60
        while len(acknowledged) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        server.kill()
        server.start()
    over.set()
    for client in clients:
        client.join()
    kept = {path["Name"] for path in server.cim.EnumerateInstanceNames("CIM_IndicationFilter")}
    assert len(acknowledged) >= 15
    assert set(acknowledged) <= kept
    assert failures == []


def test_the_store_may_be_postgresql(tmp_path: File) -> None:
    with running_postgres() as postgres, listening() as listener:
        server = Process(tmp_path, store=postgres.url, indication_retry_interval="0.3")
        try:
            subscribe(server, listener.url)
            server.toggle()
            listener.wait_for(1)
            server.kill()
            server.start()
            heard = len(listener.bodies)
            server.toggle()
            listener.wait_for(heard + 1)
        finally:
            server.stop()
        assert not (tmp_path / "virtcim.db").exists()
