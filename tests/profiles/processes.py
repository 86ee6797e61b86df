"""The whole server as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path as File

import pywbem
from tests.broker.postgres import free_port
from tests.schemas import share

MODIFIED = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"


class Process:
    """`virtcim serve` on a state directory; `kill` gives it no chance."""

    def __init__(self, state: File, **settings: str) -> None:
        self.state = share(state)
        self._environment = {**os.environ, **{f"VIRTCIM_{name.upper()}": value for name, value in settings.items()}}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "virtcim", "serve", "--listen", self.url, "--state-dir", str(self.state)]
        with (self.state / "stderr").open("a") as errors:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout is not None
        assert "serves" in self._process.stdout.readline()
        self.cim = pywbem.WBEMConnection(self.url, default_namespace="interop", timeout=30)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def toggle(self) -> None:
        """Let a system pause or go on."""
        keys = {"CreationClassName": "Test_ComputerSystem", "Name": "web2"}
        path = pywbem.CIMInstanceName("Test_ComputerSystem", keys, namespace="root/virt")
        state = 9 if self.cim.GetInstance(path)["EnabledState"] == 2 else 2
        assert self.cim.InvokeMethod("RequestStateChange", path, RequestedState=pywbem.Uint16(state))[0] == 0


def subscribe(server: Process, url: str, query: str = MODIFIED, name: str = "a") -> pywbem.CIMInstanceName:
    space = {"SourceNamespaces": pywbem.CIMProperty("SourceNamespaces", ["root/virt"])}
    given = {"Name": f"filter {name}", "Query": query, "QueryLanguage": "DMTF:CQL", **space}
    watched = server.cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationFilter", given))
    to = {"Name": f"destination {name}", "Destination": url}
    handler = server.cim.CreateInstance(pywbem.CIMInstance("CIM_ListenerDestinationCIMXML", to))
    both = {"Filter": watched, "Handler": handler}
    return server.cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationSubscription", both))
