"""The canned requests: CIM-XML of operations, as whole HTTP requests for one server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from bench.client import Connection, Target

_MESSAGE = (
    '<?xml version="1.0" encoding="utf-8"?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="{id}"'
    ' PROTOCOLVERSION="1.0"><SIMPLEREQ>{call}</SIMPLEREQ></MESSAGE></CIM>'
)
_NAME = re.compile(rb"<INSTANCENAME .*?</INSTANCENAME>", re.DOTALL)
_ERROR = re.compile(rb"<ERROR CODE=\"(\d+)\"[^>]*")
_CONTEXT = re.compile(rb'NAME="EnumerationContext"[^>]*>\s*<VALUE>([^<]*)')

EDGE = 2000  # bytes at the beginning and the end of a reply in which an error or a context is looked for


class Failed(Exception):
    """A CIM error, or a reply without what it should hold."""


@dataclass(frozen=True)
class Service:
    """A server and the namespace that the requests go to."""

    target: Target
    namespace: str = "root/virt"

    def _path(self) -> str:
        names = "".join(f'<NAMESPACE NAME="{escape(name)}"/>' for name in self.namespace.split("/"))
        return f"<LOCALNAMESPACEPATH>{names}</LOCALNAMESPACEPATH>"

    def intrinsic(self, name: str, **parameters: str) -> bytes:
        """An operation; parameters are the XML inside each IPARAMVALUE."""
        given = "".join(f'<IPARAMVALUE NAME="{key}">{value}</IPARAMVALUE>' for key, value in parameters.items())
        call = f'<IMETHODCALL NAME="{name}">{self._path()}{given}</IMETHODCALL>'
        return self._request(name, self.namespace, call)

    def extrinsic(self, name: str, instance_name: str, **parameters: str) -> bytes:
        """A method of an instance; parameters are whole PARAMVALUE elements."""
        given = "".join(parameters.values())
        path = f"<LOCALINSTANCEPATH>{self._path()}{instance_name}</LOCALINSTANCEPATH>"
        classname = instance_name.partition('CLASSNAME="')[2].partition('"')[0]
        call = f'<METHODCALL NAME="{name}">{path}{given}</METHODCALL>'
        return self._request(name, f"{self.namespace}:{classname}", call)

    def _request(self, method: str, cim_object: str, call: str) -> bytes:
        headers = [
            'Content-Type: application/xml; charset="utf-8"',
            "CIMOperation: MethodCall",
            f"CIMMethod: {method}",
            f"CIMObject: {cim_object.replace('/', '%2F').replace(':', '%3A')}",
        ]
        return self.target.request(headers, _MESSAGE.format(id="1001", call=call).encode())

    # The operations measured

    def enumerate(self, classname: str, **more: str) -> bytes:
        given = {"ClassName": class_name(classname), "DeepInheritance": value("TRUE"), "LocalOnly": value("FALSE")}
        return self.intrinsic("EnumerateInstances", **{**given, **more})

    def names(self, classname: str) -> bytes:
        return self.intrinsic("EnumerateInstanceNames", ClassName=class_name(classname))

    def get(self, instance_name: str, **more: str) -> bytes:
        return self.intrinsic("GetInstance", **{"InstanceName": instance_name, "LocalOnly": value("FALSE"), **more})

    def associators(self, instance_name: str, association: str, **more: str) -> bytes:
        return self.intrinsic("Associators", ObjectName=instance_name, AssocClass=class_name(association), **more)

    def associator_names(self, instance_name: str, association: str) -> bytes:
        return self.intrinsic("AssociatorNames", ObjectName=instance_name, AssocClass=class_name(association))

    def open(self, classname: str, count: int) -> bytes:
        given = {"ClassName": class_name(classname), "DeepInheritance": value("TRUE")}
        return self.intrinsic("OpenEnumerateInstances", **given, MaxObjectCount=value(str(count)))

    def pull(self, context: str, count: int) -> bytes:
        given = {"EnumerationContext": value(context), "MaxObjectCount": value(str(count))}
        return self.intrinsic("PullInstancesWithPath", **given)


def class_name(name: str) -> str:
    return f'<CLASSNAME NAME="{escape(name)}"/>'


def value(text: str) -> str:
    return f"<VALUE>{escape(text)}</VALUE>"


def values(*texts: str) -> str:
    return f"<VALUE.ARRAY>{''.join(map(value, texts))}</VALUE.ARRAY>"


def checked(body: bytes) -> bytes:
    """The reply itself. Errors: Failed for a CIM error, and for a reply cut short."""
    error = _ERROR.search(body, 0, EDGE)
    if error is not None:
        raise Failed(error[0].decode(errors="replace"))
    if not body[-20:].rstrip().endswith(b"</CIM>"):
        raise Failed(f"a reply of {len(body)} bytes has no end")
    return body


def instance_names(body: bytes) -> list[str]:
    """The paths in a reply, as INSTANCENAME elements."""
    return [found.decode() for found in _NAME.findall(body)]


def context_of(body: bytes) -> str:
    """The context of an enumeration that goes on; empty when it has ended."""
    found = _CONTEXT.search(body, max(0, len(body) - EDGE))
    return found[1].decode() if found else ""


def pull_all(service: Service, connection: Connection, classname: str, count: int) -> list[bytes]:
    """The replies to a whole pulled enumeration."""
    replies = [checked(connection.send(service.open(classname, count)))]
    while context := context_of(replies[-1]):
        replies.append(checked(connection.send(service.pull(context, count))))
    return replies
