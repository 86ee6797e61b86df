"""A client of the snapshot service over the embedded node."""

from __future__ import annotations

from typing import Any

from tests.profiles.client import out, system_path
from tests.profiles.management import OK, Manager, embedded

from virtcim.broker.call import MethodAnswer, Path

FULL, DISK = 2, 3
METHODS = "VirtualSystemSnapshotService"


class Keeper:
    """A client of the snapshot service of the manager's host."""

    def __init__(self, manager: Manager) -> None:
        self.manager, self.client = manager, manager.client
        (self.service,) = (one.path for one in self.client.instances(f"Test_{METHODS}"))

    def take(self, name: str, kind: object = FULL, **settings: Any) -> MethodAnswer:
        given = embedded("CIM_VirtualSystemSettingData", **settings) if settings else None
        arguments = {"AffectedSystem": system_path(name), "SnapshotSettings": given, "SnapshotType": str(kind)}
        return self.client.invoke(self.service, "CreateSnapshot", **arguments)

    def taken(self, name: str, kind: object = FULL, **settings: Any) -> Path:
        """The path of a snapshot that could be taken."""
        answer = self.take(name, kind, **settings)
        assert answer.value == OK
        path = out(answer, "ResultingSnapshot")
        assert isinstance(path, Path)
        return path

    def apply(self, path: Path) -> object:
        return self.client.invoke(self.service, "ApplySnapshot", Snapshot=path).value

    def destroy(self, path: Path) -> object:
        return self.client.invoke(self.service, "DestroySnapshot", AffectedSnapshot=path).value

    def across(self, path: Path, association: str, result: str = "CIM_ManagedElement") -> list[str]:
        found = self.client.across(path, association, result)
        return sorted(str(dict(one.path.keys).get("InstanceID") or dict(one.path.keys)["Name"]) for one in found)
