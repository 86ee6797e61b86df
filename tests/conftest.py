"""Fixtures for every test: the embedded node, a real server on it, and a pywbem connection to that server."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pywbem
from tests.beyond import BEYOND

from virtcim.config import embedded_node, load

REQUIRE_LIVE = bool(os.environ.get("VIRTCIM_TEST_REQUIRE_LIVE"))

StartServer = Callable[..., AbstractContextManager[Any]]
"""start(**settings) -> context of a running server with .url; see start_server."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With VIRTCIM_TEST_REQUIRE_LIVE a live test that skips has failed, unless the kernel is what lacks something."""
    report = yield
    excused = hasattr(report, "wasxfail") or BEYOND in str(report.longrepr)
    if REQUIRE_LIVE and report.skipped and "live" in item.keywords and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped, though live tests are required here: {report.longrepr}"
    return report


@contextmanager
def running_server(state_dir: Path, **settings: object) -> Iterator[Any]:
    """A server of these settings on a free loopback port, for the time of the context."""
    flags = {"listen": "http://127.0.0.1:0", "state_dir": state_dir, **settings}
    # Looked up here, so that the tests of one layer still run while an upper layer does not import.
    importlib.import_module("tests.schemas").share(state_dir)
    build = importlib.import_module("virtcim.__main__").build
    server = build(load(flags, {})[0])
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def node_uri() -> str:
    """URI of the embedded node; every libvirt.open() of it is a fresh copy that nobody else sees."""
    return embedded_node()


@pytest.fixture
def start_server(tmp_path: Path) -> StartServer:
    """Start servers of one's own settings: `with start_server(naming="uuid") as server: ... server.url`."""
    return lambda **settings: running_server(tmp_path / "state", **settings)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One server on the embedded node for all tests that only read."""
    with running_server(tmp_path_factory.mktemp("state")) as server:
        yield server


@pytest.fixture
def server(start_server: StartServer) -> Iterator[Any]:
    """A server on an embedded node of its own, for a test that changes something."""
    with start_server() as running:
        yield running


@pytest.fixture(scope="session")
def shared_conn(shared_server: Any) -> Iterator[pywbem.WBEMConnection]:
    """A client of shared_server; do not change anything through it."""
    with connect(shared_server.url) as connection:
        yield connection


@pytest.fixture
def conn(server: Any) -> Iterator[pywbem.WBEMConnection]:
    """A client of `server`, which this test has for itself."""
    with connect(server.url) as connection:
        yield connection


def connect(url: str, namespace: str = "root/virt") -> pywbem.WBEMConnection:
    """A pywbem client of the server at url; a call may take 60 seconds."""
    return pywbem.WBEMConnection(url, default_namespace=namespace, timeout=60)
