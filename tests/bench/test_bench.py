"""The benchmarks on tiny sizes: that they measure, that a verdict can be a bad one, that they notice wrong answers."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from bench.__main__ import main
from bench.client import BadReply, Connection, Target, throughput
from bench.guests import write_test_node
from bench.messages import Failed, Service, checked, context_of, instance_names, pull_all
from bench.placement import one_processor
from bench.report import Row, cells, table
from bench.servers import Floor, floor, virtcim
from bench.timing import medians
from click.testing import CliRunner
from tests.conftest import StartServer

from bench import compare, rows, singles

SYSTEMS = "Test_ComputerSystem"


def row(**given: object) -> Row:
    default = {"work": "w", "n": "1", "result": 0.5, "ratio": 2.0, "bound": 3.0, "target": "<= 3 F"}
    return Row(**{**default, **given})  # type: ignore[arg-type]


VERDICTS = {
    "below": (row(ratio=2.9), "met"),
    "above": (row(ratio=3.1), "MISSED"),
    "at least": (row(ratio=0.7, bound=0.6, at_least=True), "met"),
    "not at least": (row(ratio=0.5, bound=0.6, at_least=True), "MISSED"),
}


@pytest.mark.parametrize(("found", "verdict"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict(found: Row, verdict: str) -> None:
    assert cells(found)[-1] == verdict
    assert verdict in table([found])


def test_times_are_shown_with_their_unit() -> None:
    assert cells(row(floor=0.00123, libvirt=1.5))[2:5] == ("1.23 ms", "1500 ms", "500 ms")
    assert cells(row(result=7000.0, unit="/s"))[4] == "7000 /s"


def test_medians_take_turns() -> None:
    order: list[str] = []

    def work(name: str, seconds: list[float]) -> float:
        order.append(name)
        return seconds.pop(0) if len(seconds) > 1 else seconds[0]

    slow, fast = [9.0, 3.0, 1.0, 2.0], [5.0]
    assert medians([lambda: work("a", slow), lambda: work("b", fast)], 3) == [2.0, 5.0]
    assert order == ["a", "b"] * 4


def test_every_row_of_the_test_driver(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    options = ["--only", "test", "--many", "40", "--rounds", "3", "--seconds", "1", "--json", str(file)]
    done = CliRunner().invoke(main, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    works = [one["work"] for one in found["rows"]]
    for beginning in ("EnumerateInstanceNames", "GetInstance", "Associators", "AssociatorNames", "pull", "memory"):
        assert any(work.startswith(beginning) for work in works), works
    assert {one["verdict"] for one in found["rows"]} <= {"met", "missed"}
    assert all(one["result"] > 0 and one["ratio"] > 0 for one in found["rows"])
    assert found["machine"]["processors"] > 0


@pytest.fixture
def service(start_server: StartServer, tmp_path: Path) -> object:
    with start_server(connect=write_test_node(tmp_path / "node.xml", 7)) as server:
        yield Service(Target.of(server.url))


def test_requests_are_answered(service: Service) -> None:
    connection = Connection(service.target)
    names = instance_names(checked(connection.send(service.names(SYSTEMS))))
    assert len(names) == 7
    assert b"<INSTANCE CLASSNAME=" in checked(connection.send(service.get(names[0])))
    replies = pull_all(service, connection, SYSTEMS, 3)
    assert [reply.count(b"<VALUE.INSTANCEWITHPATH>") for reply in replies] == [3, 3, 1]
    assert context_of(replies[-1]) == ""
    connection.close()
    assert throughput(service.target, [service.get(name) for name in names], 2, 0.3) > 1


def test_an_error_is_no_result(service: Service) -> None:
    connection = Connection(service.target)
    with pytest.raises(Failed, match='CODE="5"'):
        checked(connection.send(service.names("CIM_NoSuchClass")))
    with pytest.raises(Failed, match="has no end"):
        checked(b"<CIM>")
    with pytest.raises(BadReply, match="415"):
        connection.send(service.target.request([], b"<CIM/>"))
    connection.close()


def test_the_floor_answers_as_many_bytes_as_asked(tmp_path: Path, service: Service) -> None:
    with floor(tmp_path) as server, closing(Floor(server)) as bottom:
        request = service.names(SYSTEMS)
        assert bottom.timed(request, 10) > 0
        connection = Connection(bottom.target)
        for size in (0, 1, 3000, 2_000_000):
            assert len(connection.send(bottom.request(request, size))) == size
        connection.close()


def test_memory_is_that_of_the_server(tmp_path: Path) -> None:
    with virtcim(write_test_node(tmp_path / "node.xml", 1), tmp_path) as server:
        assert 40 < server.memory < 1000
    assert server.process.returncode is not None


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did not start"), virtcim("nonsense", tmp_path):
        pass


def test_compare_measures_both(service: Service) -> None:
    url = f"http://127.0.0.1:{service.target.port}"
    options = ["--ours", url, "--theirs", url, "--class", SYSTEMS, "--class", "CIM_Processor", "--rounds", "3"]
    done = CliRunner().invoke(compare.main, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for work in ("EnumerateInstances Test_ComputerSystem", "GetInstance", "EnumerateInstanceNames CIM_Processor"):
        assert work in done.output


def test_compare_says_which_server_failed(service: Service) -> None:
    url = f"http://127.0.0.1:{service.target.port}"
    done = CliRunner().invoke(compare.main, ["--ours", url, "--theirs", url, "--class", "CIM_None"])
    assert done.exit_code == 0
    assert "CODE=" in done.output


def test_rows_know_their_targets() -> None:
    assert set(rows.VARIATIONS) == {
        "PropertyList of 3", "LocalOnly", "DeepInheritance false", "IncludeClassOrigin", "IncludeQualifiers"
    }  # fmt: skip


def test_what_is_measured_on_one_processor_goes_back_to_all(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    with virtcim(write_test_node(tmp_path / "node.xml", 1), tmp_path) as server:
        threads = [int(thread) for thread in os.listdir(f"/proc/{server.process.pid}/task")]
        with one_processor([server.process.pid]):
            within = [os.sched_getaffinity(thread) for thread in (0, *threads)]
        after = [os.sched_getaffinity(thread) for thread in (0, *threads)]
    assert within == [{min(allowed)}] * len(within)
    assert after == [allowed] * len(after)


def test_the_same_at_a_small_and_a_large_size() -> None:
    (found,) = singles.flat([row(result=0.5, n="10")], [row(result=0.8, n="1,000")])
    assert (found.work, found.ratio, found.met) == ("w, 1,000 beside 10", 1.6, False)
