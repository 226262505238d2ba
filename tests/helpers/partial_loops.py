"""The partial convolution written as a loop over pixels."""

import numpy as np


def by_loops(parts, kernel, bias, stride):
    """Computes eqs. (1) and (2) place by place, with a mask value for every channel."""
    x = np.concatenate([part.features for part in parts], axis=-1)
    known = np.concatenate([(1 - p.hole).repeat(p.features.shape[-1], -1) for p in parts], -1)
    pad, pads = len(kernel) // 2, ((0, 0), *2 * [(len(kernel) // 2,) * 2], (0, 0))
    x, known = np.pad(x, pads), np.pad(known, pads)
    batch, height, width, _ = x.shape
    rows, columns = (range(0, n - 2 * pad, stride) for n in (height, width))
    output = np.zeros((batch, len(rows), len(columns), kernel.shape[-1]))
    hole = np.ones((batch, len(rows), len(columns), 1))
    for b in range(batch):
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                window = np.s_[b, row : row + len(kernel), column : column + len(kernel)]
                share = known[window].mean()
                if share > 0:
                    seen = (x[window] * known[window])[..., None] * kernel
                    output[b, i, j] = seen.sum(axis=(0, 1, 2)) / share + bias
                    hole[b, i, j] = 0
    return output, hole
