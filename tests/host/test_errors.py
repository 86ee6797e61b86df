"""What libvirt's errors are told as."""

from __future__ import annotations

import libvirt
import pytest
from tests.told import symbol_of

from virtcim.host.errors import translated

TOLD = {
    libvirt.VIR_ERR_NO_DOMAIN: "HYPERVISOR_VS_NOT_FOUND",
    libvirt.VIR_ERR_DEVICE_MISSING: "HYPERVISOR_DEVICE_NOT_FOUND",
    libvirt.VIR_ERR_NO_NETWORK: "HYPERVISOR_NOT_FOUND",
    libvirt.VIR_ERR_OPERATION_INVALID: "HYPERVISOR_INVALID_STATE",
    libvirt.VIR_ERR_DOM_EXIST: "HYPERVISOR_EXISTS",
    libvirt.VIR_ERR_XML_DETAIL: "HYPERVISOR_SETTING",
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: "HYPERVISOR_SETTING",
    libvirt.VIR_ERR_NO_SUPPORT: "HYPERVISOR_UNSUPPORTED",
    libvirt.VIR_ERR_AUTH_FAILED: "HYPERVISOR_DENIED",
    libvirt.VIR_ERR_OPERATION_TIMEOUT: "HYPERVISOR_TIMEOUT",
    libvirt.VIR_ERR_AGENT_UNSYNCED: "HYPERVISOR_TIMEOUT",
    libvirt.VIR_ERR_RESOURCE_BUSY: "HYPERVISOR_IN_USE",
    libvirt.VIR_ERR_NO_MEMORY: "HYPERVISOR_MEMORY",
    libvirt.VIR_ERR_MIGRATE_UNSAFE: "HYPERVISOR_MIGRATION",
    libvirt.VIR_ERR_CPU_INCOMPATIBLE: "HYPERVISOR_CPU_INCOMPATIBLE",
    libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: "HYPERVISOR_SNAPSHOT",
    libvirt.VIR_ERR_OPERATION_ABORTED: "HYPERVISOR_ABORTED",
    libvirt.VIR_ERR_NO_CONNECT: "HYPERVISOR_CONNECTION",
    libvirt.VIR_ERR_RPC: "HYPERVISOR_CONNECTION",
    libvirt.VIR_ERR_INTERNAL_ERROR: "HYPERVISOR_ERROR",
    libvirt.VIR_ERR_SYSTEM_ERROR: "HYPERVISOR_ERROR",
}


def error(code: int) -> libvirt.libvirtError:
    made = libvirt.libvirtError("words")
    made.err = (code, 0, "at qemu+ssh://me:hush@far/system", 2, "", None, None, 0, 0)
    return made


@pytest.mark.parametrize(("code", "symbol"), TOLD.items(), ids=TOLD.values())
def test_message_of_an_error(code: int, symbol: str) -> None:
    found = translated(error(code))
    assert (symbol_of(found.message), found.code) == (symbol, code)
    assert found.message == "libvirt: at qemu+ssh://far/system"
