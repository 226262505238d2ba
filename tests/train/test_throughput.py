"""Operations per phase, utilisation and traces."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import pytest

from benchmarks.floors import completion_layers, discriminator_layers, phase_bytes, phase_macs
from benchmarks.scaling import exchanges
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.train.step import init_key, one_phase, update_flops
from glcic_jax.train.throughput import WARM_UP, Profiler, ideal_seconds, peak_flops
from tests.helpers.small import MEAN, small_config

SIZE, COUNT = 128, 4


def test_the_papers_network_takes_what_its_tables_say():
    c, d = completion_layers(256, 256), discriminator_layers(256, 128)
    assert sum(layer.macs for layer in c) == pytest.approx(32.55e9, rel=1e-3)
    assert [len(c), len(d)] == [17, 6 + 1 + 5 + 1 + 1]
    assert d[6].macs + d[12].macs == 2 * 4 * 4 * 512 * 1024  # both fully connected layers
    for layers in (c, d[:7]):
        for layer, after in pairwise(layers):
            assert layer.outputs == after.inputs


def test_a_floor_of_bytes_counts_every_kernel_and_optimizer_state():
    """Without pictures an update still reads and writes what belongs to the weights."""
    config = small_config(width=64, local_patch=128, data__crop=256)
    state = jax.eval_shape(METHODS["glcic"](config, MEAN).init, init_key(0))
    kernels = {
        name: sum(p.size for p in jax.tree.leaves(network.params) if p.ndim > 1)
        for name, network in state.networks.items()
    }
    bytes_of = phase_bytes(256, 128, 0)
    assert bytes_of["completion"] == 4 * (3 + 7) * kernels["completion"]
    assert bytes_of["discriminator"] == 4 * (
        kernels["completion"] + (6 + 7) * kernels["discriminator"]
    )


def shapes(count, size):
    """Returns the shapes of a batch as the pipeline delivers it."""
    return {
        name: jax.ShapeDtypeStruct((count, size, size, channels), jnp.uint8)
        for name, channels in (("image", 3), ("mask", 1), ("other_mask", 1))
    }


@pytest.fixture(scope="module")
def flops():
    config = small_config(width=64, local_patch=SIZE // 2, data__crop=SIZE)
    method, mesh = METHODS["glcic"](config, MEAN), make_mesh(jax.devices()[:2])
    state = jax.eval_shape(method.init, init_key(0))
    batch = shapes(COUNT, SIZE)
    return {
        phase.name: update_flops(mesh, phase, state, batch) * mesh.size for phase in method.phases
    }


@pytest.mark.parametrize("phase", ["completion", "discriminator", "joint"])
def test_each_phase_computes_only_what_it_needs(flops, phase):
    """Phase 1 no discriminator, phase 2 no gradient of C, phase 3 a single forward pass of C.

    XLA leaves out the products with the padding's zeros, some 8 % at this size, and counts the
    arithmetic of batch norm and optimizer, which is little.
    """
    direct = 2 * COUNT * phase_macs(SIZE, SIZE // 2)[phase]
    assert 0.88 * direct < flops[phase] < 1.0 * direct


def test_the_bounds_would_notice_what_is_not_needed(flops):
    forward = 2 * COUNT * sum(layer.macs for layer in completion_layers(SIZE, SIZE))
    for phase, needed in phase_macs(SIZE, SIZE // 2).items():
        assert flops[phase] + 0.9 * forward > 2 * COUNT * needed


@pytest.mark.slow
def test_devices_exchange_each_gradient_once():
    """D judges twice in a step, real and completed pictures; its gradients travel once."""
    config = small_config(width=16)
    method, mesh = METHODS["glcic"](config, MEAN), make_mesh()
    state = jax.eval_shape(method.init, init_key(0))
    batch = shapes(8, 32)
    program = one_phase(mesh, method.phases[1]).lower(state, batch).compile().as_text()
    params = jax.tree.leaves(state.networks["discriminator"].params)
    assert 1 < sum(exchanges(program)) / sum(4 * p.size for p in params) < 1.1


def test_peaks_are_known_by_the_devices_name():
    assert peak_flops("NVIDIA H100 80GB HBM3", "bfloat16") == 989e12
    assert peak_flops("NVIDIA H100 PCIe", "bfloat16") == 756e12
    assert peak_flops("NVIDIA A100-SXM4-80GB", "float32") == 156e12
    assert peak_flops("NVIDIA L40S", "bfloat16") is None
    assert peak_flops("cpu", "float32") is None


def test_the_ideal_time_is_that_of_the_operations_at_the_devices_peak(monkeypatch):
    method, mesh = METHODS["glcic"](small_config(phases__joint=0), MEAN), make_mesh()
    operations = {"completion": 3e9, "discriminator": 4e9}
    monkeypatch.setattr(
        "glcic_jax.train.throughput.update_flops",
        lambda mesh, phase, *shapes: operations[phase.name],
    )
    assert ideal_seconds("float32", method, mesh, {}, {}) == {}  # nobody knows a CPU's
    monkeypatch.setattr("glcic_jax.train.throughput.peak_flops", lambda kind, dtype: 1e12)
    expected = {"completion": 0.003, "discriminator": 0.004}  # no phase of no steps
    assert ideal_seconds("float32", method, mesh, {}, {}) == pytest.approx(expected)


def run_loop(profiler, steps):
    x = jnp.ones(3)
    with profiler:
        for _ in range(steps):
            profiler.before_update(x)
            x = x * 2


def test_a_trace_is_written_after_the_warm_up(tmp_path):
    run_loop(Profiler(tmp_path / "none", 0), WARM_UP + 9)
    run_loop(Profiler(tmp_path / "short", 5), WARM_UP - 2)
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "short").exists()
    for steps in (WARM_UP + 9, WARM_UP + 3):  # the second ends in the middle of its trace
        run_loop(Profiler(tmp_path / str(steps), 5), steps)
        assert list((tmp_path / str(steps) / "profile").rglob("*.trace.json.gz"))


def test_a_run_that_fails_leaves_its_trace(tmp_path):
    with pytest.raises(KeyError), Profiler(tmp_path, 5) as profiler:
        for _ in range(WARM_UP + 2):
            profiler.before_update(jnp.ones(3))
        raise KeyError
    assert list((tmp_path / "profile").rglob("*.trace.json.gz"))
