"""Many requests of all kinds, after which memory should be where it was."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.messages import Service, checked, instance_names, value, values
from bench.report import Row
from bench.rows import Side

CLASSES = ("CIM_ComputerSystem", "CIM_SettingData", "CIM_LogicalDevice")
PARTS = 4  # memory has found its level after the first of them
GROWTH = 1.1


def random_request(service: Service, asked: random.Random, names: dict[str, list[str]]) -> bytes:
    """About an instance of one of the classes, whose INSTANCENAMEs `names` has; some of what is not there."""
    name = asked.choice(names[asked.choice(list(names))])
    properties = values(*asked.sample(["Name", "ElementName", "Caption", "EnabledState", "InstanceID", "PoolID"], 3))
    requests: list[Callable[[], bytes]] = [
        lambda: service.get(name),
        lambda: service.intrinsic("GetInstance", InstanceName=name, PropertyList=properties),
        lambda: service.intrinsic("GetInstance", InstanceName=name, IncludeClassOrigin=value("TRUE")),
        lambda: service.associators(name, "CIM_Dependency"),
        lambda: service.intrinsic("References", ObjectName=name),
        lambda: service.associator_names(name, "CIM_Component"),
        lambda: service.open("CIM_Processor", 3),
        lambda: service.get(name.replace("bench", f"none{asked.random()}")),
    ]
    return asked.choice(requests)()


def row(side: Side, requests: int) -> Row:
    """Memory after all requests beside what it was after the first part of them."""
    connection, asked, sizes = side.connect(), random.Random(5), []
    names = {
        classname: instance_names(checked(connection.send(side.service.names(classname)))) for classname in CLASSES
    }
    for turn in range(requests):
        connection.send(random_request(side.service, asked, names))
        if turn % (requests // PARTS) == requests // PARTS - 1:
            sizes.append(side.server.memory)
    connection.close()
    work, target = f"memory after {requests:,} random requests", f"<= {GROWTH} x that after {requests // PARTS:,}"
    return Row(work, f"{side.n:,}", sizes[-1], sizes[-1] / sizes[0], GROWTH, target, unit="MB")
