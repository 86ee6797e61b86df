"""Pulled enumerations: batches add up to the plain operations, contexts are safe, Open refuses what it must."""

from __future__ import annotations

from typing import Any

import pytest
from tests.broker.conftest import Client, World, system_path
from tests.broker.replies import answer, ask, pulled, refused

from virtcim.broker.call import ClassPath, Form, Status

SYSTEMS = ClassPath("CIM_ComputerSystem")
A = system_path("a")
OPENS = [
    ("OpenEnumerateInstances", {"ClassName": SYSTEMS}, "EnumerateInstances", {}, "PullInstancesWithPath"),
    ("OpenEnumerateInstancePaths", {"ClassName": SYSTEMS}, "EnumerateInstanceNames", {}, "PullInstancePaths"),
    ("OpenAssociatorInstances", {"InstanceName": A}, "Associators", {"ObjectName": A}, "PullInstancesWithPath"),
    ("OpenAssociatorInstancePaths", {"InstanceName": A}, "AssociatorNames", {"ObjectName": A}, "PullInstancePaths"),
    ("OpenReferenceInstances", {"InstanceName": A}, "References", {"ObjectName": A}, "PullInstancesWithPath"),
    ("OpenReferenceInstancePaths", {"InstanceName": A}, "ReferenceNames", {"ObjectName": A}, "PullInstancePaths"),
]
FORMS = {"PullInstancesWithPath": Form.INSTANCE_WITH_PATH, "PullInstancePaths": Form.INSTANCE_PATH}


@pytest.mark.parametrize(("name", "given", "plain", "same", "pull"), OPENS, ids=[one[0] for one in OPENS])
@pytest.mark.parametrize("first", ["0", "1", "100"])
def test_batches_add_up(
    client: Client,
    name: str,
    given: dict[str, Any],
    plain: str,
    same: dict[str, Any],
    pull: str,
    first: str,
) -> None:
    opened = ask(client, name, MaxObjectCount=first, **given)
    assert opened.answer.form is FORMS[pull]
    assert len(opened.items) == min(2, int(first))
    whole = client(plain, **(same or given))
    assert len(whole) == 2
    assert pulled(client, pull, opened, "1") == whole


def test_nothing_to_enumerate_ends_at_once(client: Client) -> None:
    reply = ask(client, "OpenEnumerateInstances", ClassName=ClassPath("CIM_StoragePool"))
    assert (reply.items, reply.ended) == ([], True)


def test_a_property_list_shapes_every_batch(client: Client) -> None:
    opened = ask(client, "OpenEnumerateInstances", ClassName=SYSTEMS, PropertyList=["Name"])
    reply = ask(client, "PullInstancesWithPath", EnumerationContext=opened.context, MaxObjectCount="1")
    assert opened.answer.selection == reply.answer.selection
    assert reply.answer.selection.names == frozenset({"name"})


def test_instances_that_stay_come_once_whatever_else_changes(client: Client, world: World) -> None:
    for number in range(10):
        world.add(f"n{number}")
    opened = ask(client, "OpenEnumerateInstances", ClassName=SYSTEMS, MaxObjectCount="3")
    world.systems = [one for one in world.systems if one.name != "n7"]  # as an inventory does: replaced, not changed
    world.add("new")
    names = [item.path.key("Name") for item in pulled(client, "PullInstancesWithPath", opened)]
    assert len(names) == len(set(names))
    assert set(names) >= {"a", "b", *(f"n{number}" for number in range(10) if number != 7)}


# Contexts


@pytest.mark.parametrize(
    ("pull", "namespace", "user"),
    [
        pytest.param("PullInstancePaths", "root/virt", "me", id="another kind"),
        pytest.param("PullInstances", "root/virt", "me", id="a query's kind"),
        pytest.param("PullInstancesWithPath", "interop", "me", id="another namespace"),
        pytest.param("PullInstancesWithPath", "root/virt", "you", id="another user"),
    ],
)
def test_a_context_is_for_one_use(client: Client, pull: str, namespace: str, user: str) -> None:
    opened = ask(client, "OpenEnumerateInstances", user="me", ClassName=SYSTEMS)
    error = refused(client, pull, namespace, user, EnumerationContext=opened.context, MaxObjectCount="1")
    assert error.status is Status.INVALID_ENUMERATION_CONTEXT
    right: dict[str, Any] = {"EnumerationContext": opened.context, "MaxObjectCount": "9"}
    assert len(ask(client, "PullInstancesWithPath", user="me", **right).items) == 2


@pytest.mark.parametrize("name", ["CloseEnumeration", "EnumerationCount"])
def test_another_users_session_can_be_neither_closed_nor_counted(client: Client, name: str) -> None:
    opened = ask(client, "OpenEnumerateInstances", user="me", ClassName=SYSTEMS)
    error = refused(client, name, user="you", EnumerationContext=opened.context)
    assert error.status is Status.INVALID_ENUMERATION_CONTEXT
    answer(client, name, user="me", EnumerationContext=opened.context)


def test_the_context_before_is_void(client: Client) -> None:
    opened = ask(client, "OpenEnumerateInstances", ClassName=SYSTEMS)
    after = ask(client, "PullInstancesWithPath", EnumerationContext=opened.context, MaxObjectCount="1")
    assert after.context != opened.context
    assert len(opened.context) >= 32
    error = refused(client, "PullInstancesWithPath", EnumerationContext=opened.context, MaxObjectCount="1")
    assert error.status is Status.INVALID_ENUMERATION_CONTEXT
    assert pulled(client, "PullInstancesWithPath", after) != []


@pytest.mark.parametrize("how", ["ended", "closed", "made up"])
@pytest.mark.parametrize("name", ["PullInstancesWithPath", "CloseEnumeration", "EnumerationCount"])
def test_no_such_session(client: Client, how: str, name: str) -> None:
    context = ask(client, "OpenEnumerateInstances", ClassName=SYSTEMS).context if how != "made up" else "1"
    if how == "ended":
        ask(client, "PullInstancesWithPath", EnumerationContext=context, MaxObjectCount="9")
    elif how == "closed":
        assert answer(client, "CloseEnumeration", EnumerationContext=context).form is Form.NOTHING
    more: dict[str, Any] = {"MaxObjectCount": "1"} if name.startswith("Pull") else {}
    error = refused(client, name, EnumerationContext=context, **more)
    assert error.status is Status.INVALID_ENUMERATION_CONTEXT


def test_the_count_is_unknown(client: Client) -> None:
    opened = ask(client, "OpenEnumerateInstances", ClassName=SYSTEMS)
    counted = answer(client, "EnumerationCount", EnumerationContext=opened.context)
    assert (counted.form, list(counted.items)) == (Form.VALUE, [])


# What Open refuses

ENUMERATE = ("OpenEnumerateInstances", {"ClassName": SYSTEMS})
QUERY = ("OpenQueryInstances", {"FilterQueryLanguage": "WQL", "FilterQuery": "SELECT * FROM CIM_ComputerSystem"})


@pytest.mark.parametrize(
    ("operation", "given", "status"),
    [
        (ENUMERATE, {"OperationTimeout": "0"}, Status.INVALID_OPERATION_TIMEOUT),
        (ENUMERATE, {"OperationTimeout": "3601"}, Status.INVALID_OPERATION_TIMEOUT),
        (ENUMERATE, {"OperationTimeout": "-1"}, Status.INVALID_PARAMETER),
        (ENUMERATE, {"MaxObjectCount": "many"}, Status.INVALID_PARAMETER),
        (ENUMERATE, {"MaxObjectCount": "4294967296"}, Status.INVALID_PARAMETER),
        (ENUMERATE, {"ContinueOnError": "true"}, Status.CONTINUATION_ON_ERROR_NOT_SUPPORTED),
        (ENUMERATE, {"ContinueOnError": "true", "OperationTimeout": "0"}, Status.INVALID_OPERATION_TIMEOUT),
        (ENUMERATE, {"FilterQuery": "Name = 'a'"}, Status.INVALID_PARAMETER),
        (ENUMERATE, {"FilterQueryLanguage": "DMTF:FQL"}, Status.INVALID_PARAMETER),
        (
            ENUMERATE,
            {"FilterQueryLanguage": "DMTF:CQL", "FilterQuery": "x"},
            Status.QUERY_LANGUAGE_NOT_SUPPORTED,
        ),
        (ENUMERATE, {"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "x"}, Status.INVALID_QUERY),
        (ENUMERATE, {"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "Nothing = 1"}, Status.INVALID_QUERY),
        (ENUMERATE, {"ClassName": ClassPath("CIM_Nothing")}, Status.INVALID_CLASS),
        (
            ENUMERATE,
            {"ClassName": ClassPath("CIM_Nothing"), "FilterQueryLanguage": "x", "FilterQuery": "x"},
            Status.QUERY_LANGUAGE_NOT_SUPPORTED,
        ),
        (("OpenAssociatorInstances", {"InstanceName": system_path("none")}), {}, Status.NOT_FOUND),
        (("OpenReferenceInstancePaths", {"InstanceName": system_path("none")}), {}, Status.NOT_FOUND),
        (QUERY, {"FilterQueryLanguage": "DMTF:FQL"}, Status.QUERY_LANGUAGE_NOT_SUPPORTED),
        (QUERY, {"FilterQuery": "SELECT"}, Status.INVALID_QUERY),
        (QUERY, {"FilterQuery": "SELECT * FROM CIM_System ORDER BY Name"}, Status.QUERY_FEATURE_NOT_SUPPORTED),
        (QUERY, {"ContinueOnError": "true"}, Status.CONTINUATION_ON_ERROR_NOT_SUPPORTED),
        (("OpenQueryInstances", {"FilterQueryLanguage": "WQL"}), {}, Status.INVALID_PARAMETER),
        (("PullInstances", {"EnumerationContext": "x"}), {}, Status.INVALID_PARAMETER),
        (("PullInstances", {"MaxObjectCount": "1"}), {}, Status.INVALID_PARAMETER),
    ],
    ids=str,
)
def test_refused(client: Client, operation: Any, given: dict[str, Any], status: Status) -> None:
    name, parameters = operation
    assert refused(client, name, **{**parameters, **given}).status is status
