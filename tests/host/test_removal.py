"""Domains that are defined and removed again: with few calls, and only while they are off."""

from __future__ import annotations

import pytest
from tests.counting import counted_calls
from tests.host.conftest import minimal, named

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host
from virtcim.model.domain import Domain

RUNNING, OFF = "web1", "desktop1"


@pytest.mark.parametrize("unique", [False, True], ids=["UUID of the client's", "UUID made up"])
def test_defining_and_removing_a_new_domain_takes_few_calls(host: Host, unique: bool) -> None:
    fresh = minimal("fresh", "<uuid>6b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0199</uuid>")
    with counted_calls() as calls:
        vm = domains.define_new(host, Domain.parse(fresh), unique=unique)
        assert domains.remove(vm)
    asked = calls.of_domains()
    assert asked.pop("virDomainLookupByUUIDString") <= 3 - 2 * unique
    assert asked.pop("virDomainUndefineFlags") <= 3  # this driver knows none of the flags
    assert asked == dict.fromkeys(("virDomainDefineXML", "virDomainGetXMLDesc"), 1)


def test_a_domain_that_runs_is_not_removed(host: Host) -> None:
    vm = named(host, RUNNING)
    assert not domains.remove(vm)
    assert named(host, RUNNING).persistent


def test_a_domain_that_is_gone_cannot_be_removed(host: Host) -> None:
    vm = named(host, OFF)
    assert domains.remove(vm)
    with pytest.raises(HostError) as error:
        domains.remove(vm)
    assert error.value.kind is Kind.NOT_FOUND
