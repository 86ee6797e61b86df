"""Small devices without a profile of their own: sound, watchdog, entropy, TPM and memory balloon (DSP1059)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.kind import ADDRESS, OTHER, D, Kind, check_address, common, counted
from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.model.devices import Memballoon
from virtcim.model.domain import Domain
from virtcim.model.peripherals import Rng, Sound, Tpm, Watchdog

# CIM_Watchdog.ActionOnExpiration by libvirt's action
EXPIRY = {"none": 0, "reset": 1, "poweroff": 2, "shutdown": 2, "inject-nmi": 4}


def peripheral(
    name: str, label: str, view: type[D], classes: tuple[str, str], model: Any, rows: tuple[Row[Any], ...], **more: Any
) -> Kind[D]:
    """A kind with ResourceType 1; `classes`: of setting and device; `model`: the field that tells sub-types."""
    pool = f"{classes[1].removeprefix('Virt_').removesuffix('Device')}Pool/0"
    return Kind(
        name=name,
        label=label,
        view=view,
        setting_class=f"Virt_{classes[0]}ResourceAllocationSettingData",
        resource_type=OTHER,
        other_type=view.tag,
        rows=(
            *common(pool, OTHER, view.tag),
            *counted(),
            Row("ResourceSubType", model),
            Row("Model", model),
            *rows,
            *ADDRESS,
        ),
        key=lambda _view, index: f"{name}:{index}",
        device_class=classes[1],
        device=more.pop("device", lambda device, _index: {"Model": device.model}),
        finish=more.pop("finish", lambda device, _domain: check_address(device)),
        pool=pool,
        **more,
    )


def begin_sound(view: Sound, _given: Properties, domain: Domain) -> None:
    view.model = "ich9" if "q35" in (domain.machine or "") else "ich6"


SOUND = peripheral("sound", "Sound device", Sound, ("Sound", "Virt_SoundDevice"), Sound.model, (), begin=begin_sound)


def begin_watchdog(view: Watchdog, _given: Properties, _domain: Domain) -> None:
    view.model, view.action = "i6300esb", "reset"


def watchdog_device(view: Watchdog, _index: int) -> Properties:
    return {"Model": view.model, "ActionOnExpiration": EXPIRY.get(view.action or "")}


WATCHDOG = peripheral(
    "watchdog", "Watchdog", Watchdog, ("Watchdog", "Virt_Watchdog"), Watchdog.model,
    (Row("Action", Watchdog.action),), begin=begin_watchdog, device=watchdog_device, attachable=True, detachable=True,
)  # fmt: skip


def begin_rng(view: Rng, given: Properties, _domain: Domain) -> None:
    view.model, view.backend_model = "virtio", "random"
    if given.get("BackendModel") in (None, "random"):
        view.backend_device = "/dev/urandom"


def finish_rng(view: Rng, _domain: Domain) -> None:
    if view.rate_period is not None and view.rate_bytes is None:
        raise BadProperty("RateBytes", "is missing: RatePeriod alone says nothing")
    check_address(view)


RNG = peripheral(
    "rng", "Entropy source", Rng, ("RNG", "Virt_RNGDevice"), Rng.model,
    (
        Row("BackendModel", Rng.backend_model),
        Row("BackendDevice", Rng.backend_device),
        Row("RateBytes", Rng.rate_bytes),
        Row("RatePeriod", Rng.rate_period),
    ),
    begin=begin_rng, finish=finish_rng, attachable=True, detachable=True,
)  # fmt: skip


def begin_tpm(view: Tpm, given: Properties, _domain: Domain) -> None:
    view.model, view.backend = "tpm-crb", "emulator"
    if given.get("BackendType") in (None, "emulator"):
        view.version = "2.0"


def set_tpm_backend(view: Tpm, word: str | None) -> None:
    """Each type of backend has settings of its own."""
    view.version = view.persistent = view.device = None
    view.backend = word


TPM = peripheral(
    "tpm", "Trusted platform module", Tpm, ("TPM", "Virt_TPMDevice"), Tpm.model,
    (
        Row("BackendType", Tpm.backend, set_tpm_backend),
        Row("BackendVersion", Tpm.version),
        Row("BackendDevice", Tpm.device),
    ),
    begin=begin_tpm,
)  # fmt: skip


def begin_balloon(view: Memballoon, _given: Properties, domain: Domain) -> None:
    view.model = "xen" if domain.type == "xen" else "virtio"


BALLOON = peripheral(
    "balloon", "Memory balloon", Memballoon, ("Balloon", "Virt_MemoryBalloon"), Memballoon.model,
    (
        Row("AutoDeflate", Memballoon.autodeflate),
        Row("FreePageReporting", Memballoon.free_page_reporting),
        Row("StatsPeriod", Memballoon.stats_period),
    ),
    begin=begin_balloon,
)  # fmt: skip

PERIPHERALS = (SOUND, WATCHDOG, RNG, TPM, BALLOON)
