"""GLCIC's joint step written again: no shard_map, no shared forward pass, Zeiler's formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.types import NetworkState
from tests.helpers.small import MEAN, make_batch


def patch_places(masks, size=16):
    """Returns the rows and columns of the patch around each hole, as indices."""
    places = []
    for mask in masks:
        rows, columns = np.nonzero(mask[..., 0])
        top, left = (int(np.ceil((v.min() + v.max()) / 2)) - size // 2 for v in (rows, columns))
        top, left = (min(max(v, 0), 32 - size) for v in (top, left))
        places.append(np.ix_(range(top, top + size), range(left, left + size)))
    return tuple(np.stack(indices) for indices in zip(*places, strict=True))


def zeiler(network, gradients, stats):
    """Moves a network by Zeiler 2012, algorithm 1, at learning rate 1; optax stores its state."""
    (state,) = (part for part in network.opt_state if hasattr(part, "e_g"))
    tree = jax.tree.map
    e_g = tree(lambda e, g: 0.9 * e + 0.1 * g**2, state.e_g, gradients)
    step = tree(
        lambda g, eg, ex: g * jnp.sqrt(ex + 1e-6) / jnp.sqrt(eg + 1e-6), gradients, e_g, state.e_x
    )
    e_x = tree(lambda e, d: 0.9 * e + 0.1 * d**2, state.e_x, step)
    params = tree(lambda p, d: p - d, network.params, step)
    changed = state._replace(e_g=e_g, e_x=e_x)
    opt_state = tuple(changed if part is state else part for part in network.opt_state)
    return NetworkState(params, stats, opt_state)


@jax.jit
def reference_joint_step(state, batch, places, alpha, balanced, composited):
    """Moves the discriminator, then the completion network, by the formulas of the paper."""
    image = jnp.asarray(batch["image"]) / 255.0
    mask = jnp.asarray(batch["mask"], float)
    completion, discriminator = (state.networks[k] for k in ("completion", "discriminator"))
    judge = ContextDiscriminator(train=True, width=4, dtype=jnp.float64)

    def shown(output):
        return jnp.where(composited, image * (1 - mask) + output * mask, output)

    def complete(params):
        x = jnp.concatenate([(image - jnp.asarray(MEAN)) * (1 - mask), mask], axis=-1)
        variables = {"params": params, "batch_stats": completion.batch_stats}
        module = CompletionNetwork(train=True, width=4, dtype=jnp.float64)
        output, changed = module.apply(variables, x, mutable=["batch_stats"])
        return output, changed["batch_stats"]

    def probability(params, stats, pictures, which):
        variables = {"params": params, "batch_stats": stats}
        patches = pictures[np.arange(8)[:, None, None], *places[which]]
        logits, changed = judge.apply(variables, pictures, patches, mutable=["batch_stats"])
        return jax.nn.sigmoid(logits), changed["batch_stats"]

    def discriminator_objective(params):
        output, _ = complete(completion.params)
        real, stats = probability(params, discriminator.batch_stats, image, "other_mask")
        fake, stats = probability(params, stats, shown(output), "mask")
        return -jnp.log(real).mean() - jnp.log(1 - fake).mean(), stats

    (d_loss, d_stats), d_gradients = jax.value_and_grad(discriminator_objective, has_aux=True)(
        discriminator.params
    )
    trained = zeiler(discriminator, d_gradients, d_stats)

    def terms(output):
        fake, _ = probability(trained.params, trained.batch_stats, shown(output), "mask")
        return jnp.stack([(((output - image) * mask) ** 2).mean(), -jnp.log(fake).mean()])

    slopes = jax.jacobian(terms)(complete(completion.params)[0])
    mse_norm, adversarial_norm = (jnp.linalg.norm(slope.ravel()) for slope in slopes)
    alpha = jnp.where(balanced, mse_norm / adversarial_norm, alpha)

    def completion_objective(params):
        output, stats = complete(params)
        mse, adversarial = terms(output)
        return mse + alpha * adversarial, stats

    (_, c_stats), c_gradients = jax.value_and_grad(completion_objective, has_aux=True)(
        completion.params
    )
    networks = {"completion": zeiler(completion, c_gradients, c_stats), "discriminator": trained}
    norms = {
        "grad_norm/completion": optax.tree.norm(c_gradients),
        "grad_norm/discriminator": optax.tree.norm(d_gradients),
        "grad_norm/reconstruction": mse_norm,
        "grad_norm/adversarial": adversarial_norm,
        "loss/discriminator": d_loss,
    }
    return state.replace(step=state.step + 1, networks=networks), norms


def reference(state, index, *, alpha=4e-4, balanced=False, composited=True):
    """Returns the state after a joint step on `make_batch(index)`, and norms; all is float64."""
    batch = make_batch(index)
    places = {which: patch_places(batch[which]) for which in ("mask", "other_mask")}
    with jax.enable_x64():
        return jax.device_get(
            reference_joint_step(state, batch, places, alpha, balanced, composited)
        )
