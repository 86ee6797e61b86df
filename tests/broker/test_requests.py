"""What jobs show of the parameters of their calls: all but secrets, which are told by the names they have."""

from __future__ import annotations

import pytest

from virtcim.broker.call import Instance, MethodDef, Out, Path, Properties, PropertyDef, Value
from virtcim.broker.outcome import Returned
from virtcim.broker.requests import request_of

GRAPHICS = "Virt_GraphicsResourceAllocationSettingData"
NAMES = ("Settings", "AdminPassword", "PassPhrase", "secretKey")
METHOD = MethodDef("M", "uint32", "C", {name.lower(): PropertyDef(name, "string", is_out=True) for name in NAMES})


def graphics(**properties: Value) -> Instance:
    return Instance(GRAPHICS, properties)


# What is given -> what is shown of it
GIVEN: dict[str, tuple[Properties, dict[str, object]]] = {
    "a property": ({"Settings": graphics(Password="s3cret", KeyMap="de")}, {"Settings": {"KeyMap": "de"}}),
    "whatever its letters": ({"Settings": graphics(vncpassword="s3cret", Port=1)}, {"Settings": {"Port": 1}}),
    "in an array": ({"Settings": [graphics(Password="s3cret")]}, {"Settings": [{}]}),
    "deeper": ({"Settings": graphics(Inner=graphics(SecretUUID="s3cret"))}, {"Settings": {"Inner": {}}}),
    "a parameter": ({"AdminPassword": "s3cret", "Settings": "x"}, {"Settings": "x"}),
    "others": ({"PassPhrase": "s3cret", "secretKey": "s3cret"}, {}),
}


def plain(value: Value) -> object:
    """Instances by their properties alone."""
    if isinstance(value, Instance):
        return {name: plain(one) for name, one in value.properties.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("given", "shown"), GIVEN.values(), ids=GIVEN)
def test_secrets_are_left_out(given: Properties, shown: dict[str, object]) -> None:
    def outs(_: MethodDef, returned: Returned) -> list[Out]:
        del returned
        return [Out(METHOD.parameters[name.lower()], value) for name, value in given.items()]

    request = request_of(METHOD, Path("C", ()), given, outs, "somebody")
    assert request.inputs is not None
    assert plain(request.inputs) == shown
    results = request.outputs(Returned(0))
    assert plain(results) == {"__ReturnValue": 0, **shown}
