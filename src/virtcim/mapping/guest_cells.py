"""The NUMA cells of a guest, as far as they follow from its processors and memory."""

from __future__ import annotations

from virtcim.model.domain import Domain, GuestCell

PLUGGING = ("qemu", "kvm")  # domain types whose guests take memory modules only into a cell


def fit_cells(document: Domain) -> None:
    """Keep a single cell as large as the guest, which libvirt else takes the guest's size from.

    A guest that memory can be plugged into has to have a cell, so it gets one; several are left as they are.
    """
    cells = document.guest_cells
    if not cells and document.max_memory is not None and document.type in PLUGGING and document.memory is not None:
        document.add(GuestCell.new(), inside="cpu/numa")
        cells = document.guest_cells
        cells[0].id = 0
    if len(cells) == 1 and document.memory is not None:
        modules = sum(module.size or 0 for module in document.memory_devices)
        cells[0].memory, cells[0].unit = document.memory - modules, "KiB"
        cells[0].cpus = f"0-{document.vcpu - 1}" if (document.vcpu or 1) > 1 and document.vcpu else "0"
