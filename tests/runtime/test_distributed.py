"""Who a process is by what started it, and how processes meet."""

import re
import socket
import sys
import threading
from types import SimpleNamespace

import pytest

from glcic_jax.runtime import distributed, launchers
from glcic_jax.runtime.distributed import DifferError, barrier, gather, joined
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.launchers import Cluster, detect, local_devices
from glcic_jax.runtime.peers import Peers
from glcic_jax.runtime.run_token import RunToken
from tests.helpers.nodes import free_port

SLURM = {
    "SLURM_JOB_ID": "4097",
    "SLURM_STEP_NODELIST": "gpu[03-04],gpu09",
    "SLURM_NTASKS": "3",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_TASKS_PER_NODE": "1(x3)",
}
OPEN_MPI = {
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
}
URI = {"OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911"}

IPV6_URI = {"OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp6://[fe80::b9b:ac5d,2620::3:2]:43370"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    launched = (*SLURM, *OPEN_MPI, *URI, "JOB_COMPLETION_INDEX", "KUBERNETES_SERVICE_HOST")
    for name in (*launched, "JAX_COORDINATOR_PORT", "GLCIC_RUN_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def within(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "given", "found"),
    [
        ({}, {}, None),
        (SLURM, {}, ("gpu03", 61441, 3, 1)),
        (SLURM | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, {}, None),
        (SLURM, {"num_processes": 1}, None),
        (SLURM, {"coordinator": "gpu09:99"}, ("gpu09", 99, 3, 1)),
        ({"SLURM_JOB_ID": "4097", "SLURM_PROCID": "0"}, {}, None),  # in a batch script, no step
        (SLURM | {"SLURM_STEP_NODELIST": "gpu03"}, {}, ("gpu03", 61441, 3, 1)),
        (SLURM | {"SLURM_STEP_NODELIST": "r[1-2]n[04,06-7],a"}, {}, ("r1n04", 61441, 3, 1)),
        (SLURM | {"JAX_COORDINATOR_PORT": "77"}, {}, ("gpu03", 77, 3, 1)),
        (SLURM | {"SLURM_JOB_ID": "x"}, {"coordinator": "n0:1"}, ("n0", 1, 3, 1)),
        (OPEN_MPI | URI, {}, ("10.96.0.1", 62624, 2, 1)),
        (OPEN_MPI | IPV6_URI, {}, ("fe80::b9b:ac5d", 62624, 2, 1)),
        (OPEN_MPI | URI | {"JAX_COORDINATOR_PORT": "77"}, {}, ("10.96.0.1", 77, 2, 1)),
        (OPEN_MPI | URI, {"process_id": 0}, ("10.96.0.1", 62624, 2, 0)),
        (
            {"JOB_COMPLETION_INDEX": "1"},
            {"coordinator": "n0:1234", "num_processes": 2},
            ("n0", 1234, 2, 1),
        ),
        (OPEN_MPI, {"coordinator": "n0:1234"}, ("n0", 1234, 2, 1)),  # Open MPI 5 has no URI
        ({"OMPI_COMM_WORLD_SIZE": "1"}, {}, None),
        (
            {},
            {"coordinator": "[fe80::1]:1", "num_processes": 4, "process_id": 3},
            ("fe80::1", 1, 4, 3),
        ),
    ],
)
def test_what_started_a_process_says_who_it_is(variables, given, found, monkeypatch):
    within(monkeypatch, variables)
    assert detect(Cluster(**given)) == found


def test_kubernetes_is_asked_for_the_job_of_a_pod(tmp_path, monkeypatch):
    """A stub in place of the package, whose answer has the form of the real one."""
    asked = []

    class BatchV1Api:
        def read_namespaced_job(self, name, namespace):
            asked.append((name, namespace))
            pod = SimpleNamespace(spec=SimpleNamespace(subdomain="glcic"))
            return SimpleNamespace(spec=SimpleNamespace(parallelism=4, template=pod))

    package = SimpleNamespace(
        config=SimpleNamespace(load_incluster_config=lambda: asked.append("config")),
        client=SimpleNamespace(BatchV1Api=BatchV1Api),
    )
    monkeypatch.setitem(sys.modules, "kubernetes", package)
    monkeypatch.setattr(launchers, "NAMESPACE", tmp_path / "namespace")
    within(monkeypatch, {"JOB_COMPLETION_INDEX": "2", "HOSTNAME": "glcic-node-0-2"})
    with pytest.raises(UserError, match="the other processes are not found: .*No such file"):
        detect(Cluster())
    (tmp_path / "namespace").write_text("training\n")
    asked.clear()
    assert detect(Cluster()) == ("glcic-node-0-0.glcic", 55527, 4, 2)
    assert asked == ["config", ("glcic-node-0", "training")]
    assert detect(Cluster("n0:1", 3)) == ("n0", 1, 3, 2)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("variables", "given", "message"),
    [
        ({}, {"coordinator": "a:1"}, "add --num_processes N --process_id I, or --num_processes 1"),
        (OPEN_MPI, {}, "add --coordinator HOST:PORT"),
        ({"JOB_COMPLETION_INDEX": "0"}, {}, "add --coordinator HOST:PORT --num_processes N"),
        ({}, {"coordinator": "a", "num_processes": 2, "process_id": 0}, "write HOST:PORT"),
        ({}, {"coordinator": "a:b", "num_processes": 2, "process_id": 0}, "write HOST:PORT"),
        ({}, {"coordinator": "a:1", "num_processes": 2, "process_id": 2}, "from 0 to 1"),
        (SLURM, {"heartbeat_timeout": 1}, "5 seconds at least"),
        (SLURM | {"SLURM_JOB_ID": "x"}, {}, "the other processes are not found: invalid literal"),
    ],
)
def test_half_of_it_is_refused(variables, given, message, monkeypatch):
    within(monkeypatch, variables)
    with pytest.raises(UserError, match=message):
        detect(Cluster(**given))


@pytest.mark.parametrize(
    ("variables", "devices"),
    [
        ({}, []),
        (SLURM, []),
        (SLURM | {"SLURM_STEP_TASKS_PER_NODE": "4(x2)", "SLURM_LOCALID": "3"}, [3]),
        (SLURM | {"SLURM_STEP_TASKS_PER_NODE": "4", "SLURM_GPUS_PER_TASK": "1"}, []),
        (OPEN_MPI, []),
        (OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}, [1]),
        (SLURM | {"JAX_LOCAL_DEVICE_IDS": "2,3"}, None),
    ],
)
def test_a_process_alone_on_its_node_takes_all_devices(variables, devices):
    assert local_devices(variables) == devices


def test_alone_nothing_is_joined(tmp_path):
    with joined(Cluster(), tmp_path / "run"):
        barrier()
        assert gather({"a": (1, 2)}) == [{"a": [1, 2]}]
        assert distributed._peers is None
    assert not (tmp_path / "run").exists()


def test_the_process_that_differs_is_named(monkeypatch):
    everyone = [{"seed": 0, "width": 4}, {"seed": 0, "width": 4}, {"seed": 1}]
    monkeypatch.setattr(distributed, "gather", lambda value: everyone)
    message = "seed is 0 in process 0 and 1 in process 2; width is 4 in process 0 and None in"
    with pytest.raises(DifferError, match=message):
        distributed.require_same("config", everyone[0], "start all alike")


def meet(folder, *who, seconds=20):
    """What becomes of processes, here threads, that say (count, index) of themselves."""
    port, outcomes = free_port(), {}

    def start(place, count, index):
        try:
            outcomes[place] = Peers(
                ("127.0.0.1", port),
                count,
                index,
                RunToken(folder),
                start_seconds=seconds,
                silent_seconds=30,
            )
        except UserError as error:
            outcomes[place] = str(error)

    threads = [threading.Thread(target=start, args=(place, *one)) for place, one in enumerate(who)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[place] for place in range(len(who))]


def test_processes_meet_whatever_the_order_and_hear_each_other(tmp_path):
    all_ = meet(tmp_path, (3, 2), (3, 0), (3, 1))
    answers = {}

    def speak(peers):
        answers[peers] = [peers.gather([peers._index]), peers.gather("again")]
        peers.leave()

    threads = [threading.Thread(target=speak, args=(peers,)) for peers in all_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(answers.values()) == [[[[0], [1], [2]], ["again"] * 3]] * 3


@pytest.mark.parametrize(
    ("who", "message"),
    [
        ([(3, 0), (3, 1), (3, 1)], "two processes have the number 1, on .* from 0 to 2"),
        ([(2, 0), (3, 1)], "process 1 on .* is one of 3, process 0 on .* one of 2"),
    ],
)
def test_those_who_do_not_fit_are_refused(who, message, tmp_path):
    outcomes = meet(tmp_path, *who)
    for outcome in outcomes:
        assert isinstance(outcome, str)
    (refused,) = {outcome for outcome in outcomes if "hung up" not in outcome}
    assert re.search(message, refused)


def test_those_who_do_not_come_are_named(tmp_path):
    first, second = meet(tmp_path, (4, 0), (4, 2), seconds=2.0)
    assert first == second
    assert "of 4 processes, number 1, 3 did not come within 2 seconds" in first
    (alone,) = meet(tmp_path, (2, 1), seconds=0.3)
    assert "no process 0 at 127.0.0.1, port" in alone


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of this machine cannot be used"):
            Peers(
                ("127.0.0.1", port),
                2,
                0,
                RunToken(tmp_path / "run"),
                start_seconds=1,
                silent_seconds=9,
            )
    assert not (tmp_path / "run").exists()
