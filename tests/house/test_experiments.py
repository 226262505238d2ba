"""The paper's experiments, at the smallest size at which they still are what they are."""

import csv
import importlib
import re
import shutil

import jax
import numpy as np
import pytest

from configs import places2
from experiments import ablation, latent_search, limits, quickstart, raw_error
from glcic_jax import main
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.pretrained import BUNDLED
from tests.helpers.methods import config_of, names
from tests.helpers.small import small_config


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(8):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        write_picture(folder / f"{number}.png", coarse.repeat(4, 0).repeat(4, 1))
    return folder


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """The folder of an ablation, and the configs it trained.

    The run of phase 1 stands for all: each of the others takes minutes to compile.
    """
    config = small_config(width=2)
    config.data.update(root=str(pictures), held_out=0.25, held_out_examples=4, min_edge=16)
    config.data.batch_size = 4
    config.every.update(log=1, images=2, evaluate=2, checkpoint=2)
    workdir, configs = tmp_path_factory.mktemp("runs") / "ablation", {}

    def run(config, folder, *_):
        if configs:
            shutil.copytree(workdir / next(iter(configs)), folder)
        else:
            main.run(config, folder)
        configs[folder.name] = config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "run", run)
        ablation.ablation(config, workdir)
    return workdir, configs


@pytest.mark.parametrize("name", ["mse", "global", "local"])
def test_variants_of_places2_are_the_shipped_configs_after_their_phase_1(name):
    config = places2.get_config()
    ours = ablation.variant(config, ablation.VARIANTS[name], init_from="start")
    ours.init_from, ours.phases.completion = "", ours.phases.completion + config.phases.completion
    shipped = importlib.import_module(f"configs.ablation_{name}").get_config()
    assert ours.to_dict() == shipped.to_dict()


@pytest.mark.slow
def test_ablation_trains_four_networks_and_shows_them(trained):
    workdir, configs = trained
    start = configs.pop("start")
    assert not start.init_from
    alike = {"discriminators": (), "init_from": ""}
    for config in [start, *configs.values()]:  # they differ in nothing else
        assert config.to_dict() | alike | {"phases": {}} == start.to_dict() | {"phases": {}}
    assert {name: c.discriminators for name, c in configs.items()} == ablation.VARIANTS
    assert {config.init_from for config in configs.values()} == {str(workdir / "start")}
    head, _, *rows = (workdir / "table.md").read_text().splitlines()
    assert head == "| | L1 | PSNR | SSIM | updates |"
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert [row[0] for row in cells] == ["phase 1", "MSE", "+ global", "+ local", "+ both"]
    assert {row[-1] for row in cells} == {"2"}
    picture = decode(workdir / "grid.png")
    assert picture.shape == (22 + 4 * 36, 7 * 36 - 4, 3)
    columns = [picture[22:, 36 * n : 36 * n + 32] for n in range(7)]
    assert (columns[5] != columns[6]).any()
    assert (columns[0] != columns[6]).any()


@pytest.mark.parametrize("name", names())
def test_ablation_takes_configs_of_glcic_alone(name, tmp_path, monkeypatch):
    config, ran = config_of(name), []
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    monkeypatch.setattr(ablation, "run", lambda config, folder, *_: ran.append(folder.name))
    refusal = f"method is {config.method}, which has no .*: name a"
    if config.method == "glcic":
        if "cosine" in config.optimizer:
            config.optimizer.cosine = 0
        if config.phases.completion and config.phases.joint:
            ablation.ablation(config, tmp_path)
            assert ran == list(ablation.NAMES)
            return
        refusal = "the four go on from phase 1"
    with pytest.raises(UserError, match=refusal):
        ablation.ablation(config, tmp_path)
    assert not ran
    assert not list(tmp_path.iterdir())


def test_ablation_checks_all_before_the_first_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "run", lambda *_: pytest.fail("it trains"))
    with pytest.raises(UserError, match="local_patch"):  # which some of them do not read
        ablation.ablation(small_config(local_patch=33), tmp_path)


def test_ablation_takes_a_config_of_an_older_version(tmp_path, monkeypatch):
    config, starts = small_config(), []
    del config.init_from
    monkeypatch.setattr(ablation, "run", lambda config, *_: starts.append(config.init_from))
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    ablation.ablation(config, tmp_path)
    assert starts == ["", *[str(tmp_path / "start")] * 4]


@pytest.mark.parametrize(("field", "value", "off"), [("cosine", 5, "0"), ("steps", (1,), "()")])
def test_ablation_refuses_a_rate_that_would_fall_in_each_run(field, value, off, tmp_path):
    config = small_config()
    config.optimizer[field] = value
    with pytest.raises(
        UserError, match=f"^config.optimizer.{field}: .* set it to {re.escape(off)},"
    ):
        ablation.ablation(config, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", [None, 1, 3])
def test_ablation_goes_on_from_its_own_phase_1_alone(tmp_path, monkeypatch, step):
    ran = []
    monkeypatch.setattr(ablation, "run", lambda config, folder, *_: ran.append(folder.name))
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    if step:
        (tmp_path / f"start/checkpoints/{step}").mkdir(parents=True)
    ablation.ablation(small_config(), tmp_path)  # phase 1 may still be under way
    (tmp_path / "global/checkpoints/1").mkdir(parents=True)
    with pytest.raises(UserError, match="global did not go on from 2 updates of phase 1, of which"):
        ablation.ablation(small_config(), tmp_path)
    (tmp_path / "start/checkpoints/2").mkdir(parents=True)
    if step != 3:
        ablation.ablation(small_config(), tmp_path)
    assert len(ran) == (5 if step == 3 else 10)


@pytest.mark.parametrize(
    ("experiment", "flags", "message"),
    [
        (latent_search, ["--checkpoint", "{n}", "--data", "{p}", "--output", "{o}"], "not search"),
        (quickstart, ["{n}"], "converted weights: give the run folder"),
        (raw_error, ["{n}"], "name the folder of a run"),
        (quickstart, ["{p}"], "no run folder"),
        (raw_error, ["{p}"], "no run folder"),
    ],
)
def test_what_is_not_the_experiments_gets_one_line(
    experiment, flags, message, pictures, tmp_path, capsys
):
    named = {"n": BUNDLED, "p": pictures, "o": tmp_path / "new"}
    assert experiment.main([flag.format_map(named) for flag in flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())


def test_the_first_process_alone_shows_them(tmp_path, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(ablation, "run", lambda config, folder, *_: ran.append(folder.name))
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    ablation.ablation(small_config(), tmp_path)
    assert ran == list(ablation.NAMES)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


def test_limits_writes_what_it_promises(trained, pictures, tmp_path, capsys):
    flags = ["--checkpoint", trained[0] / "both", "--data", pictures, "--output", tmp_path / "new"]
    assert limits.main([*map(str, flags), "--size", "32", "--holes", "6", "20"]) == 0
    table = (tmp_path / "new" / "table.md").read_text()
    assert table in capsys.readouterr().out
    assert [line.split(" |")[0] for line in table.splitlines()[2:]] == ["| 6", "| 20"]
    with (tmp_path / "new" / "distances.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    points = {(r["hole"], r["place"], r["distance up to"]) for r in rows}
    for place in limits.PLACES:  # no pixel of a hole of 20 is farther than 10 from a known one
        assert {d for h, p, d in points if (h, p) == ("20", place)} == {"8", "16"}
    assert "<svg" in (tmp_path / "new" / "index.html").read_text()
    assert decode(tmp_path / "new" / "grid.png").shape == (22 + 8 * 36, 4 * 36 - 4, 3)


def test_holes_lie_where_they_should():
    for seed in range(20):
        inside, border = limits.two_holes(np.random.default_rng(seed), 32, 12)
        assert inside.sum() == border.sum() == 144
        rim = np.ones((32, 32), bool)
        rim[1:-1, 1:-1] = False
        assert not inside[rim].any()
        assert border[rim].sum() >= 12


def test_errors_are_counted_by_distance_and_by_picture():
    image = np.full((32, 32, 3), 100, np.uint8)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:26, 4:28] = 1  # 18 x 24: no pixel is farther than 9 from a known one
    completed = image.copy()
    completed[16:18, 12:20] += 51  # just those at a distance of 9
    errors = limits.Errors(32)
    errors.add(completed, image, mask)
    np.testing.assert_allclose(errors.l1, [0, 0.2, np.nan, np.nan])
    ((l1, psnr),) = errors.scores
    share = 16 / (18 * 24)
    np.testing.assert_allclose(l1, 0.2 * share)
    np.testing.assert_allclose(psnr, -10 * np.log10(0.04 * share))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "{p}", "--holes", "255"], "--holes: give 1 to 254 pixels"),
        (["--data", "{p}/none"], "none: no such folder"),
        (["--data", "{p}", "--output", "{p}/0.png/new"], "0.png: cannot write there"),
        (["--data", "{p}", "--checkpoint", "{p}"], "no run folder with a checkpoint"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(flags, message, trained, pictures, tmp_path, capsys):
    base = ["--checkpoint", str(trained[0] / "both"), "--output", str(tmp_path / "new")]
    assert limits.main(base + [flag.format(p=pictures) for flag in flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "new").exists()
