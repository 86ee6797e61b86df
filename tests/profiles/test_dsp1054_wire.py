"""Subscribing over the wire, by what goes wrong; and pywbem's own listener command as receiver."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pywbem
from pywbem import CIMInstance, CIMInstanceName, Uint64
from tests.broker.postgres import free_port
from tests.profiles.processes import MODIFIED, Process, subscribe

FILTER, DESTINATION, SUBSCRIPTION = (
    "CIM_IndicationFilter",
    "CIM_ListenerDestinationCIMXML",
    "CIM_IndicationSubscription",
)
NOWHERE = "http://127.0.0.1:9/"
LONG = "SELECT * FROM CIM_InstModification WHERE " + " OR ".join(["SourceInstance ISA CIM_System"] * 30_000)
NOTHING = CIMInstanceName(FILTER, {"Name": "nothing"}, namespace="interop")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    settings = {"indication_retry_interval": "0.3", "indication_retry_attempts": "1"}
    server = Process(tmp_path_factory.mktemp("wire"), **settings)
    yield server
    server.stop()


def status(server: Process, classname: str, **properties: object) -> tuple[int, str]:
    with pytest.raises(pywbem.CIMError) as refused:
        server.cim.CreateInstance(CIMInstance(classname, properties))
    return refused.value.status_code, refused.value.status_description


def query(text: object, language: str = "DMTF:CQL") -> dict[str, object]:
    return {"Name": "bad", "Query": text, "QueryLanguage": language}


BAD = {
    "a query that ends early": (FILTER, query("SELECT * FROM"), 15, "line 1, column 14"),
    "a query with a wrong word": (FILTER, query("SELECT * FROM CIM_InstCreation\nWHERE ("), 15, "line 2"),
    "a query of another class": (FILTER, query("SELECT * FROM CIM_ComputerSystem"), 15, "no indication class"),
    "a language that nobody speaks": (FILTER, query("SELECT", "No:Such"), 14, "No:Such"),
    "a query of a megabyte": (FILTER, query(LONG), 15, "query"),
    "no query": (FILTER, {"Name": "bad", "QueryLanguage": "DMTF:CQL"}, 4, "Query of the filter is missing"),
    "no URL": (DESTINATION, {"Name": "bad", "Destination": "somewhere"}, 4, "neither http nor https"),
    "credentials in the URL": (DESTINATION, {"Name": "bad", "Destination": "http://u:p@h/"}, 4, "credentials"),
    "a URL without a port to connect to": (DESTINATION, {"Name": "bad", "Destination": "http://h:0/"}, 4, "no port"),
    "a URL of another kind": (DESTINATION, {"Name": "bad", "Destination": "ftp://h/"}, 4, "neither http nor https"),
}


@pytest.mark.parametrize(("classname", "given", "code", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_with_its_reason(
    server: Process, classname: str, given: dict[str, object], code: int, words: str
) -> None:
    found, text = status(server, classname, **given)
    assert (found, words in text) == (code, True), text[:300]
    assert "p@" not in text
    assert "bad" not in [path["Name"] for path in server.cim.EnumerateInstanceNames(classname)]


def test_subscriptions_to_nothing_and_what_is_in_use(server: Process) -> None:
    path = subscribe(server, NOWHERE, name="used")
    watched, handler = path["Filter"], path["Handler"]
    assert status(server, SUBSCRIPTION, Filter=NOTHING, Handler=handler)[0] == 4
    assert status(server, SUBSCRIPTION, Filter=watched, Handler=NOTHING)[0] == 4
    assert status(server, SUBSCRIPTION, Filter=watched, Handler=handler)[0] == 11
    assert status(server, FILTER, Name=watched["Name"], Query=MODIFIED, QueryLanguage="DMTF:CQL")[0] == 11
    assert status(server, DESTINATION, Name=handler["Name"], Destination=NOWHERE)[0] == 11
    for used in (watched, handler):
        with pytest.raises(pywbem.CIMError) as refused:
            server.cim.DeleteInstance(used)
        assert refused.value.status_code == 1
        assert "in use by 1 subscriptions" in refused.value.status_description
        assert server.cim.GetInstance(used) is not None
    for gone in (path, watched, handler):
        server.cim.DeleteInstance(gone)


def test_an_expired_subscription_can_only_be_deleted(server: Process) -> None:
    path = subscribe(server, NOWHERE, name="brief")
    server.cim.DeleteInstance(path)
    given = {**dict(path.keybindings), "SubscriptionDuration": Uint64(1)}
    path = server.cim.CreateInstance(CIMInstance(SUBSCRIPTION, given))
    time.sleep(1.1)
    with pytest.raises(pywbem.CIMError) as refused:
        server.cim.ModifyInstance(CIMInstance(SUBSCRIPTION, {"SubscriptionInfo": "late"}, path=path))
    assert refused.value.status_code == 1
    assert "expired" in refused.value.status_description
    server.cim.DeleteInstance(path)


def test_a_destination_that_nobody_listens_at_holds_up_nobody(server: Process) -> None:
    path = subscribe(server, NOWHERE, name="unreachable")
    begun = time.monotonic()
    server.toggle()
    server.toggle()
    assert time.monotonic() - begun < 10
    assert server.cim.GetInstance(path)["SubscriptionState"] == 2
    server.cim.DeleteInstance(path)


def test_pywbemlistener_hears(server: Process, tmp_path: Path) -> None:
    """The command of pywbemtools, which writes what it gets into its log."""
    command, port, log = Path(sys.executable).with_name("pywbemlistener"), free_port(), tmp_path / "log"
    log.mkdir()
    given = ["--scheme", "http", "--port", str(port), "--indi-file", str(log / "heard")]
    run = [str(command), "--logdir", str(log)]
    path_to_itself = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    started = [*run, "start", "tests", *given]
    subprocess.run(started, check=True, stdout=subprocess.DEVNULL, timeout=60, env=path_to_itself)
    try:
        path = subscribe(server, f"http://127.0.0.1:{port}", name="listener")
        server.toggle()
        deadline = time.monotonic() + 15
        while not (log / "heard").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "Test_ComputerSystemModifiedIndication" in (log / "heard").read_text()
        server.cim.DeleteInstance(path)
    finally:
        subprocess.run([*run, "stop", "tests"], check=True, stdout=subprocess.DEVNULL, timeout=60)
