"""Every association leads back: y is across from x exactly if x is across from y."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.client import Client, make_client
from tests.profiles.conftest import StartClient
from tests.profiles.everything import all_profiles

from virtcim.broker.associations import Wanted
from virtcim.broker.call import Path
from virtcim.broker.provider import Association
from virtcim.broker.schema import Schema

ASSOCIATIONS = [one for profile in all_profiles() for one in profile.associations]
Pairs = set[tuple[Path, Path]]


@pytest.fixture(scope="module")
def everything(repository: Schema, start_client: StartClient, node_uri: str) -> Iterator[Client]:
    """A client of all profiles over a world that nobody changes, with a transient system in it."""
    with start_client(node_uri) as client:
        host = client.world.hosts[0]
        with host.link.borrow() as connection:
            xml = "<domain type='test'><name>brief</name><memory>1024</memory><os><type>hvm</type></os></domain>"
            uuid = connection.createXML(xml).UUIDString()
        host.refresh(uuid)
        yield make_client(repository, client.world, all_profiles())


def _name(association: Association) -> str:
    return f"{association.classname}-{association.a.classname}-{association.b.classname}"


def pairs(client: Client, association: Association, forwards: bool) -> Pairs:
    """The links of an association as (a, b), walked from its a end or from its b end."""
    associations = client.broker.associations
    near, far = (association.a, association.b) if forwards else (association.b, association.a)
    found: Pairs = set()
    for source in client.broker.instances.all_found(near.classname):
        for step in associations._across(association, near, far, source, Wanted()):
            ends = (step.source.item.path, step.target.item.path)
            found.add(ends if forwards else (ends[1], ends[0]))
    return found


@pytest.mark.parametrize("association", ASSOCIATIONS, ids=_name)
def test_leads_back(everything: Client, association: Association) -> None:
    forwards = pairs(everything, association, forwards=True)
    assert forwards == pairs(everything, association, forwards=False)
    assert forwards, "the embedded node has no link of this association: it is not tested"


@pytest.mark.parametrize("association", ASSOCIATIONS, ids=_name)
def test_ends_have_the_roles_of_the_class(everything: Client, association: Association) -> None:
    schema = everything.broker.schema
    cls = schema.get(association.classname)
    for end in (association.a, association.b):
        declared = cls.properties[end.role.lower()]
        assert schema.is_a(end.classname, str(declared.reference_class))
