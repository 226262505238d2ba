"""How long updates take, without compilation, evaluations and saves."""

from glcic_jax.runtime.run_folder import read_records
from glcic_jax.train.report import Report

PHASES = (("completion", 10), ("joint", 300))


def test_the_first_update_of_a_phase_is_measured_by_itself(tmp_path, monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Report(
        tmp_path, title="a run", total_steps=300, batch_size=8, phase_ends=PHASES
    ) as report:
        report.resume(0)
        now[0] += 7  # the start of everything
        with report.clock.update("completion") as first, report.clock.waiting():
            assert first
            now[0] += 90  # compiles
        report.scalars(1, "completion", {"loss/mse": 0.1})
        for _ in range(9):
            with report.clock.update("completion") as first:
                assert not first
                with report.clock.waiting():
                    now[0] += 0.1
                now[0] += 0.3
        report.scalars(10, "completion", {})
        with report.clock.update("joint"):
            now[0] += 50
        now[0] += 9 * 0.8
        report.scalars(20, "joint", {})
    alone, after, joint = read_records(tmp_path)
    known = {"kind", "step", "phase", "first_update_s", "loss/mse"}
    assert (alone.keys(), alone["first_update_s"]) == (known, 90)
    assert "first_update_s" not in after
    assert (after["images_per_s"], after["step_ms"], after["waiting_ms"]) == (20, 400, 100)
    assert (joint["first_update_s"], joint["images_per_s"], joint["step_ms"]) == (50, 10, 800)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "[completion 1/300] first update 90.0 s  loss: mse 0.1"
    # 290 updates of .4 s
    assert second == "[completion 10/300] 20.0 images/s  25% waiting for data  1:56 left"
    assert third == "[joint 20/300] first update 50.0 s  10.0 images/s  3:44 left"
