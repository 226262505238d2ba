"""PyTorch's files are read where PyTorch is not installed."""

import sys

import numpy as np
import pytest

from glcic_jax.convert.pytorch_glcic import from_state_dict
from glcic_jax.weights.exchange import read_exchange
from tests.helpers.ports import MEAN, convert, mean_of, state_of
from tests.helpers.torch_files import legacy, stand_in, zipped


@pytest.mark.parametrize("form", [legacy, zipped])
def test_pytorchs_own_files_need_no_pytorch(form, tmp_path):
    state = state_of("glcic_pytorch")
    with pytest.MonkeyPatch.context() as patch:
        (tmp_path / "model_cn_step1").write_bytes(form(stand_in(patch), state))
        patch.undo()
        patch.setitem(sys.modules, "torch", None)
        flag = ("--mean-pixel", ",".join(map(str, MEAN)))
        assert convert(tmp_path / "model_cn_step1", tmp_path / "out", *flag) == 0
    theirs = from_state_dict(state, mean_of("glcic_pytorch"), "")
    back = read_exchange(tmp_path / "out")
    assert all(np.array_equal(back.tensors[n], theirs.tensors[n]) for n in theirs.tensors)
