"""Subscribing over the wire, by what goes wrong; and pywbem's own listener command as receiver."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import pywbem
from pywbem import CIMInstance, CIMInstanceName, Uint64
from tests.broker.listeners import listening
from tests.broker.postgres import free_port
from tests.profiles.processes import MODIFIED, Process, subscribe
from tests.wire.secure import Authority

FILTER, DESTINATION, SUBSCRIPTION = (
    "CIM_IndicationFilter",
    "CIM_ListenerDestinationCIMXML",
    "CIM_IndicationSubscription",
)
NOWHERE = "http://127.0.0.1:9/"
LONG = "SELECT * FROM CIM_InstModification WHERE " + " OR ".join(["SourceInstance ISA CIM_System"] * 30_000)
NOTHING = CIMInstanceName(FILTER, {"Name": "nothing"}, namespace="interop")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    settings = {
        "indication_retry_interval": "0.3",
        "indication_retry_attempts": "1",
        "listener_ca": str(authority.pem),
    }
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


HOSTILE = ("slow", "500", "error", "drop", "silent", "endless", "redirect")


def test_hostile_listeners_hold_up_nobody(server: Process) -> None:
    """A good one among them hears everything at once, in order; and clients are answered."""
    with ExitStack() as stack:
        paths = []
        for mode in HOSTILE:
            hostile = stack.enter_context(listening(mode))
            paths.append(subscribe(server, hostile.url, name=mode))
        good = stack.enter_context(listening())
        paths.append(subscribe(server, good.url, name="good"))
        begun = time.monotonic()
        for _ in range(10):
            server.toggle()
        good.wait_for(10, 10.0)
        assert time.monotonic() - begun < 10
        told = [one["SequenceNumber"] for one in good.indications]
        assert told == list(range(len(told)))
        for path in paths:
            assert server.cim.GetInstance(path)["SubscriptionState"] == 2
            server.cim.DeleteInstance(path)


@contextmanager
def pywbemlistener(place: Path, *options: str) -> Iterator[Path]:
    """The command of pywbemtools, and the file that it writes to what it hears."""
    command, log = Path(sys.executable).with_name("pywbemlistener"), place / "log"
    log.mkdir()
    run, heard = [str(command), "--logdir", str(log)], log / "heard"
    path_to_itself = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    started = [*run, "start", "tests", "--indi-file", str(heard), *options]
    subprocess.run(started, check=True, stdout=subprocess.DEVNULL, timeout=60, env=path_to_itself)
    try:
        yield heard
    finally:
        subprocess.run([*run, "stop", "tests"], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pywbemlistener_hears(server: Process, authority: Authority, tmp_path: Path, scheme: str) -> None:
    port, files = free_port(), authority.issue(f"listener-{scheme}", "127.0.0.1")
    options = ["--scheme", scheme, "--port", str(port)]
    options += ["--certfile", str(files.certificate), "--keyfile", str(files.key)] if scheme == "https" else []
    with pywbemlistener(tmp_path, *options) as heard:
        path = subscribe(server, f"{scheme}://127.0.0.1:{port}", name=f"listener {scheme}")
        server.toggle()
        deadline = time.monotonic() + 15
        told = ""
        while "Test_ComputerSystemModifiedIndication" not in told:
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
            told = heard.read_text() if heard.exists() else ""
        server.cim.DeleteInstance(path)
