"""The notebook, executed as Jupyter does, and what it computed."""

import json
import math
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks/walkthrough.ipynb"

COMPUTED = """
import json

print(json.dumps({
    "losses": losses,
    "step": completer.step,
    "known": bool((completed[known] == photograph[known]).all()),
    "filled": int(np.abs(completed[~known].astype(int) - photograph[~known]).mean()),
    "scores": scores,
}))
"""


def test_its_outputs_are_small_and_of_a_run_without_complaints():
    assert NOTEBOOK.stat().st_size < 300_000
    cells = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not any(o["output_type"] == "error" or o.get("name") == "stderr" for o in outputs)
    assert sum("image/jpeg" in o.get("data", {}) for o in outputs) == 2


@pytest.mark.slow
def test_it_trains_completes_and_evaluates(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="pip install -r requirements-notebook.txt")
    nbclient = pytest.importorskip("nbclient", reason="pip install -r requirements-notebook.txt")
    shutil.copytree(ROOT / "configs", tmp_path / "configs")  # its run folder is made beside
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells.append(nbformat.v4.new_code_cell(COMPUTED))
    place = {"metadata": {"path": str(tmp_path / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=600, resources=place).execute()
    found = json.loads(notebook.cells[-1].outputs[-1].text)
    assert len(found["losses"]) == 4
    assert all(0 < loss < 0.02 for loss in found["losses"])
    assert found["step"] == 100
    assert found["known"]
    assert found["filled"] > 0
    ours, mean = found["scores"]["ours after 100 updates"], found["scores"]["fill with the mean"]
    assert all(math.isfinite(value) for value in ours.values())
    assert ours["l1"] < mean["l1"] / 2
    assert (tmp_path / "runs/walkthrough/index.html").is_file()
