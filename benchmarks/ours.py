"""Makes this project's sides of a race."""

from benchmarks import inputs

MEAN = (0.47, 0.46, 0.42)
FAR = 10**6
"""Updates in a phase: more than a race makes."""

COMPILED = "/jax/core/compile/backend_compile_duration"
"""JAX's name of what happens each time that a program is compiled, or read from the cache."""


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


def complete(sizes: list[tuple[int, int]], network: str, dtype: str, whole: bool):
    """Makes a worker: fills a hole in a picture of each size, height and width, one by one.

    Args:
      sizes: of the pictures.
      network: as `benchmarks.networks.completer` takes it.
      dtype: of the arithmetic.
      whole: whether the network runs over entire pictures, compiled for each size.
    """
    import jax
    import jax.numpy as jnp

    from benchmarks.networks import completer
    from glcic_jax.runtime.compiled import keep_compiled
    from glcic_jax.runtime.process import keep_freed_memory

    keep_freed_memory()
    keep_compiled()
    complete = completer(network, dtype)
    pictures = [inputs.photograph(*size) for size in sizes]
    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event == COMPILED else None
    )

    def run() -> dict[str, int]:
        compiled.clear()
        for image, mask in pictures:
            if whole:
                stacked = jnp.asarray(image[None]), jnp.asarray(mask[None, ..., None], jnp.uint8)
                jax.block_until_ready(complete.complete(*stacked))
            else:
                complete(image, mask)
        return {"programs": len(compiled)}

    return run


def matrix_rate(size: int):
    """Makes a worker: one float32 matrix product."""
    from benchmarks import floors

    return floors.matrix_product(size)


def memory_rate(mebibytes: int):
    """Makes a worker: one pass over memory."""
    from benchmarks import floors

    return floors.memory_pass(mebibytes)


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
