"""What can go wrong at libvirt, in words and messages that know neither libvirt's codes nor CIM's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TypeVar

import libvirt

from virtcim.messages import message

T = TypeVar("T")


class Kind(Enum):
    """What a caller can do about a HostError."""

    NOT_FOUND = "not found"
    ALREADY_EXISTS = "already exists"
    INVALID = "invalid"
    INVALID_STATE = "invalid state"
    NOT_SUPPORTED = "not supported"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class HostError(Exception):
    """A refusal or failure; `code` is libvirt's error number where libvirt raised it."""

    def __init__(self, kind: Kind, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code


_CODES: dict[Kind, tuple[int, ...]] = {
    Kind.NOT_FOUND: (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_NETWORK_PORT,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_NODE_DEVICE,
        libvirt.VIR_ERR_NO_INTERFACE,
        libvirt.VIR_ERR_NO_SECRET,
        libvirt.VIR_ERR_NO_NWFILTER,
        libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
        libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA,
        libvirt.VIR_ERR_DEVICE_MISSING,
    ),
    Kind.ALREADY_EXISTS: (
        libvirt.VIR_ERR_DOM_EXIST,
        libvirt.VIR_ERR_NETWORK_EXIST,
        libvirt.VIR_ERR_NETWORK_PORT_EXIST,
        libvirt.VIR_ERR_STORAGE_VOL_EXIST,
    ),
    Kind.INVALID: (
        libvirt.VIR_ERR_INVALID_ARG,
        libvirt.VIR_ERR_NO_NAME,
        libvirt.VIR_ERR_NO_OS,
        libvirt.VIR_ERR_NO_ROOT,
        libvirt.VIR_ERR_NO_SOURCE,
        libvirt.VIR_ERR_NO_TARGET,
        libvirt.VIR_ERR_NO_DEVICE,
        libvirt.VIR_ERR_XML_ERROR,
        libvirt.VIR_ERR_XML_DETAIL,
        libvirt.VIR_ERR_XML_INVALID_SCHEMA,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_INVALID_MAC,
        libvirt.VIR_ERR_OVERFLOW,
        libvirt.VIR_ERR_OS_TYPE,
    ),
    Kind.INVALID_STATE: (libvirt.VIR_ERR_OPERATION_INVALID,),
    Kind.NOT_SUPPORTED: (
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    ),
    Kind.DENIED: (
        libvirt.VIR_ERR_ACCESS_DENIED,
        libvirt.VIR_ERR_OPERATION_DENIED,
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
    ),
    Kind.UNREACHABLE: (libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INVALID_CONN),
    Kind.BUSY: (libvirt.VIR_ERR_RESOURCE_BUSY,),
    Kind.TIMEOUT: (libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_AGENT_UNRESPONSIVE),
    Kind.CANCELLED: (libvirt.VIR_ERR_OPERATION_ABORTED,),
}
_KINDS: dict[int | None, Kind] = {code: kind for kind, codes in _CODES.items() for code in codes}

MESSAGES: dict[Kind | int | None, str] = {
    Kind.NOT_FOUND: "HYPERVISOR_NOT_FOUND",
    Kind.ALREADY_EXISTS: "HYPERVISOR_EXISTS",
    Kind.INVALID: "HYPERVISOR_SETTING",
    Kind.INVALID_STATE: "HYPERVISOR_INVALID_STATE",
    Kind.NOT_SUPPORTED: "HYPERVISOR_UNSUPPORTED",
    Kind.DENIED: "HYPERVISOR_DENIED",
    Kind.UNREACHABLE: "HYPERVISOR_CONNECTION",
    Kind.BUSY: "HYPERVISOR_IN_USE",
    Kind.FAILED: "HYPERVISOR_ERROR",
    Kind.TIMEOUT: "HYPERVISOR_TIMEOUT",
    Kind.CANCELLED: "HYPERVISOR_ABORTED",
    libvirt.VIR_ERR_NO_DOMAIN: "HYPERVISOR_VS_NOT_FOUND",
    libvirt.VIR_ERR_DEVICE_MISSING: "HYPERVISOR_DEVICE_NOT_FOUND",
    libvirt.VIR_ERR_RPC: "HYPERVISOR_CONNECTION",
    libvirt.VIR_ERR_NO_MEMORY: "HYPERVISOR_MEMORY",
    libvirt.VIR_ERR_AGENT_UNSYNCED: "HYPERVISOR_TIMEOUT",
    libvirt.VIR_ERR_MIGRATE_UNSAFE: "HYPERVISOR_MIGRATION",
    libvirt.VIR_ERR_MIGRATE_FINISH_OK: "HYPERVISOR_MIGRATION",
    libvirt.VIR_ERR_MIGRATE_PERSIST_FAILED: "HYPERVISOR_MIGRATION",
    libvirt.VIR_ERR_CPU_INCOMPATIBLE: "HYPERVISOR_CPU_INCOMPATIBLE",
    libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: "HYPERVISOR_SNAPSHOT",
    libvirt.VIR_ERR_SNAPSHOT_REVERT_RISKY: "HYPERVISOR_SNAPSHOT",
}
"""The message of an error of libvirt's: by its code where the code says more than the kind."""


def translated(error: libvirt.libvirtError) -> HostError:
    """The HostError that says what a libvirtError says."""
    code = error.get_error_code()
    text = (error.get_error_message() or str(error)).strip()
    kind = Kind.NOT_SUPPORTED if unsupported(error) else _KINDS.get(code, Kind.FAILED)
    return HostError(kind, message(MESSAGES.get(code, MESSAGES[kind]), text), code)


@contextmanager
def libvirt_errors() -> Iterator[None]:
    """Turn every libvirtError of the block into a HostError."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise translated(error) from error


def is_gone(error: libvirt.libvirtError) -> bool:
    """Whether libvirt does not know what was asked for: kind NOT_FOUND, without putting the words together."""
    return _KINDS.get(error.get_error_code()) is Kind.NOT_FOUND


def unsupported(error: libvirt.libvirtError) -> bool:
    """Whether the driver has no such call, not with these flags (an invalid argument) or not for such a device."""
    code = error.get_error_code()
    if code == libvirt.VIR_ERR_INVALID_ARG:
        return "unsupported flags" in str(error) or "mutually exclusive" in str(error)
    if code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED:
        return "live update of device" in str(error)
    return code in _CODES[Kind.NOT_SUPPORTED]


def where_supported(call: Callable[[], T]) -> T | None:
    """What a call of libvirt answers; None where the driver has no such call. Errors: libvirtError."""
    try:
        return call()
    except libvirt.libvirtError as error:
        if unsupported(error):
            return None
        raise
