"""The test driver, the sample documents, and --regenerate for the golden files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import libvirt
import pytest

Defined = Callable[[str], str]
"""defined(xml) -> the document as libvirt keeps it; libvirt's own schema and rules are applied."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write the golden files instead of comparing with them")


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("regenerate", default=False))


@pytest.fixture(scope="session")
def connection() -> Iterator[libvirt.virConnect]:
    opened = libvirt.open("test:///default")
    yield opened
    opened.close()


@pytest.fixture
def defined(connection: libvirt.virConnect) -> Iterator[Defined]:
    made: list[Any] = []

    def define(xml: str) -> str:
        domain = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        made.append(domain)
        return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))

    yield define
    for domain in {domain.UUIDString(): domain for domain in made}.values():
        domain.undefine()
