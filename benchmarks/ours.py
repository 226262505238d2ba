"""Makes this project's sides of a race."""

from benchmarks import inputs

MEAN = (0.47, 0.46, 0.42)
FAR = 10**6
"""Updates in a phase: more than a race makes."""


def full_width_method(size: int, dtype: str, **changes: object):
    """Builds GLCIC at full width for crops of `size` pixels, its phases longer than any race."""
    from configs import places2
    from glcic_jax.methods.by_name import METHODS

    config = places2.get_config()
    config.data.crop, config.local_patch, config.dtype = size, size // 2, dtype
    config.phases.update(completion=FAR, discriminator=FAR, joint=FAR)
    config.update(changes)
    return METHODS["glcic"](config, MEAN)


def train(size: int, count: int, phase: str, dtype: str, traced: bool):
    """Makes a worker: one update of a phase, from pictures in the host's memory."""
    import jax
    import jax.numpy as jnp

    from glcic_jax.runtime.devices import make_mesh, replicate, shard
    from glcic_jax.runtime.process import keep_freed_memory
    from glcic_jax.train.step import init_key, make_train_step

    keep_freed_memory()
    method, mesh = full_width_method(size, dtype), make_mesh()
    step_fn = make_train_step(method, mesh, jax.random.key(0), traced_phase=traced)
    names = [phase.name for phase in method.phases]
    start = jnp.asarray(names.index(phase) * FAR, jnp.int32)
    state = replicate(mesh, method.init(init_key(0)).replace(step=start))
    batch = inputs.batch(size, count)

    def run() -> None:
        nonlocal state
        state, metrics = step_fn(state, shard(mesh, batch))
        jax.block_until_ready((state, metrics))

    return run


def complete(height: int, width: int, dtype: str, whole: bool, channels: int = 64):
    """Makes a worker: fills one hole; `whole` runs the network over the entire picture.

    `channels` is the network's width.
    """
    import jax
    import jax.numpy as jnp

    from glcic_jax.complete.completer import Completer, make_complete_fn
    from glcic_jax.runtime.process import keep_freed_memory
    from glcic_jax.train.step import init_key

    keep_freed_memory()
    phases = {"discriminator": 0, "joint": 0}
    method = full_width_method(256, dtype, width=channels, discriminators=(), phases=phases)
    complete_fn = make_complete_fn(method, method.init(init_key(0)))
    image, mask = inputs.photograph(height, width)
    if not whole:
        completer = Completer(complete_fn, MEAN, 0, method.reach)
        return lambda: completer(image, mask)
    stacked = jnp.asarray(image[None]), jnp.asarray(mask[None, ..., None], jnp.uint8)
    return lambda: jax.block_until_ready(complete_fn(*stacked))


def read(root: str, size: int, count: int, threads: int, source: str):
    """Makes a worker: a batch out of the running pipeline, decoded and cropped, with masks."""
    from configs import places2
    from glcic_jax.data.pipeline import make_dataset

    config = places2.get_config()
    config.data.update(root=root, crop=size, resize=(size, size * 3 // 2), batch_size=count)
    config.data.update(source=source, threads=threads, held_out_examples=1)
    config.holes.update(shortest=size * 3 // 8, longest=size // 2)
    dataset = make_dataset(config, seed=0, place=lambda batch: batch, mean_pixel=MEAN)
    return inputs.steady(dataset.batches(0))
