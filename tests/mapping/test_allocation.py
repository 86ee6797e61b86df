"""What can be asked of a pool, by what the hypervisor offers."""

from __future__ import annotations

import pytest

from virtcim.mapping import allocation
from virtcim.mapping.allocation import DISABLED, NOT_APPLICABLE, Offer
from virtcim.mapping.peripherals import TPM
from virtcim.model.capabilities import Capabilities, DomainCapabilities
from virtcim.model.tree import parse

HOST = "<capabilities><host><cpu><arch>x86_64</arch></cpu></host></capabilities>"
EMULATOR = """<domainCapabilities><devices><tpm supported='yes'>
    <enum name='model'><value>tpm-tis</value><value>tpm-crb</value></enum>
    <enum name='backendModel'>{}</enum>
</tpm></devices></domainCapabilities>"""


def offer(backends: str) -> Offer:
    emulator = DomainCapabilities(parse(EMULATOR.format(backends)))
    return Offer("KVM", Capabilities(parse(HOST)), 8, 262144, emulator)


@pytest.mark.parametrize(
    ("backends", "states", "models"),
    [
        pytest.param(
            "<value>passthrough</value><value>emulator</value>", (DISABLED,), ["tpm-tis", "tpm-crb"], id="swtpm"
        ),
        pytest.param("<value>passthrough</value>", (NOT_APPLICABLE,), [], id="no swtpm"),
    ],
)
def test_a_tpm_is_offered_where_one_can_be_emulated(backends: str, states: tuple[int, ...], models: list[str]) -> None:
    there = offer(backends)
    assert allocation.add_states(TPM, there) == states
    assert [one.properties["ResourceSubType"] for one in allocation.choices("TPM", (TPM,), there)] == models
