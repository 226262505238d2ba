"""Trains GLCIC on whole faces of 64 pixels, to be compared with configs/ambient_faces64.py.

    python -m glcic_jax.main --config configs/faces64.py --workdir runs/faces64

Pictures, size of the holes, batches and number of updates are the same; the three phases have the
proportions of Places2. Its cost and result were not measured; docs/results.md has reduced runs.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.data.source = "shards"
    config.data.root = "data/celeba64"
    config.data.resize = (64, 64)
    config.data.crop = 64
    config.data.batch_size = 64
    config.holes.shortest = 28
    config.holes.longest = 28
    config.local_patch = 32
    config.batch_norm_scale = "ones"  # as the network of ambient_faces64 starts
    config.phases.completion = 14_200
    config.phases.discriminator = 1_600
    config.phases.joint = 63_200
    return config
