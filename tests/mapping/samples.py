"""The sample documents, and who they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from virtcim.mapping.resources import Resource, resource_for
from virtcim.model.domain import Domain

DATA = Path(__file__).parent.parent / "data"
SAMPLES = ("everything", "running", "container", "paravirtual")


@dataclass(frozen=True)
class Vm:
    name: str
    uuid: str
    platform: str = "Test"
    naming: str = "name"


def load(name: str) -> Domain:
    return Domain.parse((DATA / "domains" / f"{name}.xml").read_text())


def owner(document: Domain) -> Vm:
    platforms = {"lxc": "LXC", "xen": "Xen", "kvm": "KVM", "test": "Test"}
    return Vm(document.name or "", document.uuid or "", platforms[document.type or "test"])


def resource(document: Domain, dev: str) -> Resource:
    found = resource_for(document, dev)
    assert found is not None, dev
    return found
