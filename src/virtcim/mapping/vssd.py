"""The head of a configuration: CIM_VirtualSystemSettingData and what Virt_VirtualSystemSettingData adds (DSP1057)."""

from __future__ import annotations

import re

from virtcim.mapping import ids
from virtcim.mapping.table import BadProperty, Properties, Row, Table, UnknownType, elsewhere, to_cim, to_xml
from virtcim.model.domain import CpuFeature, Domain

NO_ACTION, RESTART = 2, 3  # AutomaticRecoveryAction
TURN_OFF = 2  # AutomaticShutdownAction: what happens to a system when its host goes down, as far as libvirt decides
ACTIONS = {2: "destroy", 3: "restart", 123: "preserve"}  # libvirt-cim's codes, taken from clients for both
OFFSETS = {"utc": 0, "localtime": 1, "timezone": 2, "variable": 3, "absolute": 4}
NO_AUTOSTART, ALWAYS_START = 2, 4  # AutomaticStartupAction
NAME = re.compile(r"[^/\n\x00]+")
SYSTEM_TYPES = {"KVM": "DMTF:KVM", "Xen": "DMTF:XEN", "LXC": "Virt:LXC", "Test": "Virt:Test"}
POLICIES = ("force", "require", "optional", "disable", "forbid")


def element_name(domain: Domain) -> str | None:
    return domain.title or domain.name


def set_element_name(domain: Domain, text: str | None) -> None:
    domain.title = None if text == domain.name else text


def set_name(domain: Domain, text: str | None) -> None:
    if not text or NAME.fullmatch(text) is None or text.isspace():
        raise BadProperty(
            "VirtualSystemIdentifier", f"{text!r} is not a name: it is empty or has a slash or line break"
        )
    domain.name = text


def set_uuid(domain: Domain, text: str | None) -> None:
    if text:
        domain.uuid = text


def recovery(domain: Domain) -> int:
    return RESTART if (domain.on_crash or "").endswith("restart") else NO_ACTION


def set_recovery(domain: Domain, code: int | None) -> None:
    domain.on_crash = _action("AutomaticRecoveryAction", code)


def set_shutdown_action(domain: Domain, code: int | None) -> None:
    """libvirt-cim's clients say by this what follows when the guest switches itself off."""
    domain.on_poweroff = _action("AutomaticShutdownAction", code)


def _action(name: str, code: int | None) -> str | None:
    if code is not None and code not in ACTIONS:
        raise BadProperty(name, f"{code} is not one of {', '.join(map(str, ACTIONS))}")
    return None if code is None else ACTIONS[code]


def clock(domain: Domain) -> int | None:
    return OFFSETS.get(domain.clock_offset or "utc")


def set_clock(domain: Domain, code: int | None) -> None:
    words = {number: word for word, number in OFFSETS.items()}
    if code is not None and code not in words:
        raise BadProperty("ClockOffset", f"{code} is not one of {', '.join(map(str, words))}")
    domain.clock_offset = words[code or 0]
    if domain.clock_offset != "timezone":
        domain.timezone = None


def set_boot_device(domain: Domain, device: str | None) -> None:
    """The one device that the first clients of libvirt-cim name; NULL says nothing."""
    if device:
        set_boot_devices(domain, [device])


def set_boot_devices(domain: Domain, kinds: list[str] | None) -> None:
    """In place of an order of single devices (BootOrder), which libvirt does not have beside it."""
    for device in domain.devices if kinds else ():
        device.boot_order = None
    domain.boot_devices = kinds


def cpu_features(domain: Domain) -> list[str]:
    return [f"{feature.policy or 'require'}:{feature.name}" for feature in domain.cpu_features]


def set_cpu_features(domain: Domain, texts: list[str] | None) -> None:
    pairs = [text.rpartition(":") for text in texts or []]
    for policy, _, name in pairs:
        if (policy and policy not in POLICIES) or not name:
            raise BadProperty(
                "CPUFeatures", f"'{policy}:{name}' is not <policy>:<feature> with a policy of {', '.join(POLICIES)}"
            )
    for feature in domain.cpu_features:
        feature.remove()
    for policy, _, name in pairs:
        feature = CpuFeature.new()
        feature.policy, feature.name = policy or "require", name
        domain.add(feature, inside="cpu")


def set_cpu_model(domain: Domain, model: str | None) -> None:
    if model is None:
        domain.cpu_fallback = None
    elif domain.cpu_mode is None:
        domain.cpu_mode = "custom"
    domain.cpu_model = model


def topology(name: str, attribute: str) -> Row[Domain]:
    """One number of the processor topology; libvirt wants the others with it."""

    def write(domain: Domain, number: int | None) -> None:
        getattr(Domain, attribute).write(domain, number)
        if number is not None:
            domain.sockets, domain.cores, domain.threads = domain.sockets or 1, domain.cores or 1, domain.threads or 1

    return Row(name, lambda domain: getattr(Domain, attribute).read(domain), write)


def is_full(domain: Domain) -> bool:
    return domain.os_type == "hvm"


VSSD: Table[Domain] = Table((
    Row("VirtualSystemIdentifier", Domain.name, set_name),
    Row("ElementName", element_name, set_element_name, exact=False),
    Row("Description", Domain.description),
    Row("UUID", Domain.uuid, set_uuid, exact=False),
    Row("ConfigurationID", Domain.uuid, lambda _domain, _text: None, exact=False),
    Row("Notes", lambda domain: domain.own_metadata.notes, lambda d, texts: setattr(d.own_metadata, "notes", texts)),
    Row("CreationTime", lambda domain: domain.own_metadata.creation_time),
    Row("DomainType", Domain.type),
    Row("OSType", Domain.os_type),
    Row("Arch", Domain.arch),
    Row("Machine", Domain.machine),
    Row("Emulator", Domain.emulator),
    Row("IsFullVirt", is_full),
    Row("BootDevice", None, set_boot_device, exact=False),
    Row("BootDevices", Domain.boot_devices, set_boot_devices),
    Row("BootMenu", Domain.boot_menu),
    Row("BootMenuTimeout", Domain.boot_menu_timeout),
    Row("Firmware", Domain.firmware),
    Row("Loader", Domain.loader),
    Row("LoaderType", Domain.loader_type),
    Row("LoaderReadOnly", Domain.loader_readonly),
    Row("SecureBoot", Domain.loader_secure),
    Row("NVRAM", Domain.nvram),
    Row("NVRAMTemplate", Domain.nvram_template),
    Row("Bootloader", Domain.bootloader),
    Row("BootloaderArgs", Domain.bootloader_arguments),
    Row("Kernel", Domain.kernel),
    Row("Ramdisk", Domain.initrd),
    Row("CommandLine", Domain.cmdline),
    Row("InitPath", Domain.init),
    Row("InitArguments", Domain.init_arguments),
    Row("CPUMode", Domain.cpu_mode),
    Row("CPUModel", Domain.cpu_model, set_cpu_model),
    Row("CPUMatch", Domain.cpu_match),
    Row("CPUCheck", Domain.cpu_check),
    Row("CPUFeatures", cpu_features, set_cpu_features, exact=False),
    topology("CPUSockets", "sockets"),
    topology("CPUDies", "dies"),
    topology("CPUCores", "cores"),
    topology("CPUThreads", "threads"),
    Row("IOThreads", Domain.iothreads),
    Row("EnableACPI", Domain.acpi),
    Row("EnableAPIC", Domain.apic),
    Row("EnablePAE", Domain.pae),
    Row("EnableHAP", Domain.hap),
    Row("EnableViridian", Domain.viridian),
    Row("EnableSMM", Domain.smm),
    Row("EnablePMU", Domain.pmu),
    Row("EnableVMPort", Domain.vmport),
    Row("KVMHidden", Domain.hidden_kvm),
    Row("HyperVFeatures", lambda domain: domain.hyperv, lambda d, names: d.set_hyperv(names or []), exact=False),
    Row("ClockOffset", clock, set_clock),
    Row("ClockTimezone", Domain.timezone),
    Row("ClockBasis", Domain.clock_basis),
    Row("ClockAdjustment", Domain.clock_adjustment),
    Row("AutomaticShutdownAction", lambda _: TURN_OFF, set_shutdown_action, exact=False),
    Row("AutomaticRecoveryAction", recovery, set_recovery, exact=False),
    Row("OnPoweroff", Domain.on_poweroff),
    Row("OnReboot", Domain.on_reboot),
    Row("OnCrash", Domain.on_crash),
    Row("OnLockFailure", Domain.on_lockfailure),
    Row("SuspendToMemory", Domain.suspend_to_memory),
    Row("SuspendToDisk", Domain.suspend_to_disk),
    *(elsewhere(name) for name in ("AutoStart", "AutomaticStartupAction", "VirtualSystemType")),
))  # fmt: skip


def autostart_of(properties: Properties) -> bool | None:
    """Whether a client asks for autostart, None when it does not say. Raises BadProperty."""
    action, old = properties.get("AutomaticStartupAction"), properties.get("AutoStart")
    if action not in (None, NO_AUTOSTART, ALWAYS_START):
        raise BadProperty("AutomaticStartupAction", f"{action} is not one of {NO_AUTOSTART}, {ALWAYS_START}")
    if old not in (None, 0, 1):
        raise BadProperty("AutoStart", f"{old} is not one of 0, 1")
    if action is None:
        return None if old is None else bool(old)
    return bool(action == ALWAYS_START)


def check_system_type(properties: Properties, platform: str) -> None:
    """Refuse a VirtualSystemType of another platform; its short and old names are taken too. Raises BadProperty."""
    given = properties.get("VirtualSystemType")
    words = given.lower().split(":") if given else ["unknown"]
    if platform.lower() not in words and words[-1] != "unknown":
        raise UnknownType("VirtualSystemType", f"{given!r} is not {SYSTEM_TYPES[platform]!r}")


def head(vm: ids.Named, document: Domain, defined: bool, autostart: bool) -> Properties:
    """A whole VSSD."""
    return {
        "InstanceID": ids.configuration_id(vm, defined),
        "Caption": "Virtual System",
        "VirtualSystemType": SYSTEM_TYPES[vm.platform],
        "AutoStart": int(autostart),
        "AutomaticStartupAction": ALWAYS_START if autostart else NO_AUTOSTART,
        "AutomaticStartupActionSequenceNumber": 0,
        **to_cim(VSSD, document),
    }


def change_head(document: Domain, properties: Properties) -> None:
    """Write a VSSD into a document: absent stays, None clears. Raises BadProperty: drop the document then."""
    present, wanted = document.uuid, properties.get("UUID")
    if present and wanted and wanted.replace("-", "").lower() != present.replace("-", "").lower():
        raise BadProperty("UUID", f"{wanted!r} cannot replace {present!r}: the UUID of a system never changes")
    given = {name: value for name, value in properties.items() if not (name == "ConfigurationID" and present == value)}
    to_xml(VSSD, given, document)
