"""What a run may go on with: the same config and data, longer phases, fields of newer versions."""

import copy
import json

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_config, read_run, read_starts
from glcic_jax.settings.check import with_defaults
from glcic_jax.train.claim import claim_run
from tests.helpers.small import small_config

PHASES = ("completion", "discriminator", "joint")  # of 2 updates each
DATA = {"list of training pictures": "12 (aaaa)", "mean pixel": "(0.1, 0.2, 0.3)"}


def start(step=0, **data):
    return {"step": step, "data": DATA | data}


def claim(folder, changes=(), step=0, data=None, **options):
    config = copy.deepcopy(small_config(**dict(changes)).to_dict())
    return claim_run(folder, config, start(step, **(data or {})), phases=PHASES, **options)


def test_a_new_folder_keeps_config_and_start(tmp_path):
    assert claim(tmp_path) == []
    assert read_config(tmp_path)["width"] == 4
    assert read_starts(tmp_path) == [start()]
    assert claim(tmp_path, {"data__threads": 7, "every__log": 3}, step=4) == []
    assert read_config(tmp_path)["data"]["threads"] == 7
    assert [s["step"] for s in read_starts(tmp_path)] == [0, 4]
    assert claim(tmp_path, step=6) == []  # finished
    assert [s["step"] for s in read_starts(tmp_path)] == [0, 4]


def test_another_config_is_refused_and_nothing_written(tmp_path):
    claim(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(UserError, match="width is 4 there and 8 here.*choose another --workdir"):
        claim(tmp_path, {"width": 8})
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    ("step", "changes", "fault"),
    [
        (6, {"phases__joint": 9}, None),  # finished, and trained longer
        (3, {"phases__joint": 9}, None),
        (3, {"phases__discriminator": 5, "phases__joint": 1}, None),  # an end that is not reached
        (0, {"phases__completion": 1}, None),
        (6, {"phases__joint": 1}, "phases.joint is 2 there and 1 here"),
        (5, {"phases__discriminator": 3}, "phases.discriminator is 2 there and 3 here"),
        (2, {"phases__completion": 3}, None),  # at a switch that is still to come
        (4, {"phases__completion": 3}, "phases.completion is 2 there and 3 here"),
        (3, {"phases__completion": 3, "phases__discriminator": 1}, "phases.completion is 2"),
    ],
)
def test_phases_may_grow_where_no_update_had_another_part(tmp_path, step, changes, fault):
    claim(tmp_path)
    if fault:
        with pytest.raises(UserError, match=f"{fault}.*after {step} updates its end can no longer"):
            claim(tmp_path, changes, step=step)
    else:
        lines = claim(tmp_path, changes, step=step)
        assert len(lines) == len(changes)
        assert lines[-1].startswith("phases.")
        assert read_config(tmp_path)["phases"] == small_config(**dict(changes)).phases.to_dict()


def test_other_pictures_are_refused_until_they_are_accepted(tmp_path):
    claim(tmp_path)
    other = {"list of training pictures": "13 (bbbb)"}
    fault = r"list of training pictures was 12 \(aaaa\) and is 13 \(bbbb\).*--accept_data"
    with pytest.raises(UserError, match=fault):
        claim(tmp_path, data=other)
    assert len(read_starts(tmp_path)) == 1
    (line,) = claim(tmp_path, data=other, accept_data=True)
    assert line == "accepted: the list of training pictures was 12 (aaaa) and is 13 (bbbb)"
    assert len(read_starts(tmp_path)[-1]["accepted"]) == 1
    assert claim(tmp_path, data=other) == []  # from then on these are the run's
    with pytest.raises(UserError, match="was 13"):
        claim(tmp_path)


def test_a_run_of_an_older_version_goes_on(tmp_path):
    old = with_defaults(small_config().to_dict())
    del old["accumulate"], old["fsdp"]
    (tmp_path / "config.json").write_text(json.dumps(old))  # the config alone, fields absent
    with pytest.raises(UserError, match="accumulate is 1 there and 2 here"):
        claim(tmp_path, {"accumulate": 2})
    lines = claim(tmp_path)
    assert sorted(line.partition(":")[0] for line in lines) == ["accumulate is 1", "fsdp is 1"]
    assert read_run(tmp_path)["format"] == 2
    assert claim(tmp_path) == []


def test_what_begins_with_trained_networks_goes_on_so(tmp_path):
    claim(tmp_path, {"init_from": "runs/a"}, step=0)
    claim(tmp_path, {"init_from": "runs/b"}, step=1)  # moved; it is not read again
    with pytest.raises(UserError, match='init_from is runs/b there and "" here'):
        claim(tmp_path, step=1)
    claim(tmp_path, step=0)  # nothing is trained yet
    with pytest.raises(UserError, match='init_from is "" there and runs/a here'):
        claim(tmp_path, {"init_from": "runs/a"}, step=1)


@pytest.mark.parametrize("changes", [{"sync_batch_norm": False}, {"accumulate": 2}])
def test_devices_are_fixed_where_batch_norm_sees_a_part_of_the_batch(tmp_path, changes):
    claim(tmp_path, {"cpu_devices": 2})
    claim(tmp_path, {"cpu_devices": 4}, step=1)
    other = tmp_path / "other"
    other.mkdir()
    claim(other, {**changes, "cpu_devices": 2})
    with pytest.raises(UserError, match="cpu_devices is 2 there and 4 here"):
        claim(other, {**changes, "cpu_devices": 4}, step=1)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("config", "phases"), 3, "its phases have no lengths"),
        (("config", "phases", "joint"), "a", "its phases have no lengths"),
        (("starts", 0, "data"), [1], "its last start has no data"),
    ],
)
def test_a_config_that_was_edited_by_hand_is_refused_in_a_line(tmp_path, path, value, fault):
    claim(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    node = content
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"config.json: not a config: {fault}"):
        claim(tmp_path)
