"""Learns completion from incomplete pictures alone: AmbientGAN with GLCIC's completion network.

AmbientGAN (Bora, Price, Dimakis, ICLR 2018) learns a generator from measurements alone: what it
makes is measured too before a discriminator compares it with the data. Here the generator is
GLCIC's completion network C. A training picture Y_r is one measurement, whose hole m is random but
fixed for the whole training (data/measurement.py). C fills it: X_g = (1 - m) Y_r + m C(Y_r, m). A
fresh measurement of X_g, with another hole, is Y_g, and D learns to distinguish Y_r from Y_g. The
part of m that the fresh hole leaves must look like what other pictures show there. So C learns
about pixels that were never seen.

The project that this follows gave D no mask, so D could win by the hole alone. It had a Wasserstein
loss and a clipping that was defined and never run, moved C twice per update of D, and wired a layer
of D past its predecessor. Here D sees the mask, a gradient penalty bounds it (Gulrajani et al.
2017), both move once, and D's layers are a chain.

The measurement's noise (`data.measurement.noise`) stays on known pixels, which completion returns
bit for bit. Only what C paints gets fresh noise before D sees it, so C learns to paint without
noise. Noise alone hides nothing and would leave nothing to complete, so it comes on top of holes.

`reconstruction` is not in AmbientGAN: Y_g is completed in turn, and what Y_r knew there is the
target (as in Pajot, de Bezenac, Gallinari, ICLR 2019). It needs no pixel that was hidden.
"""

from functools import partial
from typing import Any, Protocol

from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.layers.torch_layers import CONSTANT_SCALE
from glcic_jax.methods.ambient_gan.discriminator import MeasurementDiscriminator
from glcic_jax.methods.ambient_gan.updates import ADVERSARIAL, AmbientGan
from glcic_jax.methods.checks import check_choice, check_weight
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.optimizers import pair_of
from glcic_jax.runtime.devices import DATA
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, Phase


class CompletionNetworkClass(Protocol):
    """Describes the class of a completion network, such as GLCIC's: modules on `completion_input`.

    Attributes:
      stride: height and width of the input must be multiples of this, in pixels.
    """

    stride: int

    def __call__(
        self, *, train: bool, width: int, axis_name: tuple[str, ...] | None, dtype: Any, scale: str
    ) -> Any:
        """Returns the Flax module, whose `reach` is the Method's."""
        ...


def build(
    config: Any, mean_pixel: tuple[float, float, float], completion_network: CompletionNetworkClass
) -> Method:
    """Builds AmbientGAN from `config`, which has the fields of configs/ambient_faces64.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: mean of the training pictures, RGB in [0, 1].
      completion_network: the class of C. METHODS gives GLCIC's, since no paper's folder may import
        another's.

    Raises:
      UserError: settings that contradict each other.
    """
    config = ConfigDict(config)
    _check(config)
    dtype = precision(config.dtype)
    optimizer, judge_optimizer = pair_of(name="adam", **config.optimizer)
    measurement = config.data.get("measurement")  # a run without one is refused in main.py
    method = AmbientGan(
        completion=partial(
            completion_network,
            width=config.width,
            axis_name=DATA if config.sync_batch_norm else None,
            dtype=dtype,
            scale=CONSTANT_SCALE,  # as in TensorFlow, which Bora et al. used
        ),
        discriminator=MeasurementDiscriminator(config.discriminator_width, dtype),
        stride=completion_network.stride,
        crop=config.data.crop,
        optimizer=optimizer,
        judge_optimizer=judge_optimizer,
        loss=config.adversarial.loss,
        penalty=config.adversarial.gradient_penalty,
        reconstruction=config.reconstruction,
        noise=measurement.noise if measurement else 0.0,
        mean_pixel=mean_pixel,
    )
    return Method(
        init=method.init,
        phases=(
            Phase(
                "adversarial",
                config.phases.adversarial,
                method.update,
                method.metrics,
                moves=("completion", "discriminator"),
            ),
        ),
        complete=completion_from(method.previews),
        previews=method.previews,
        networks=("completion",),
        reach=method.completion(train=False).reach,
        measured=True,
    )


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    adversarial = config.adversarial
    check_choice("adversarial.loss", adversarial.loss, ADVERSARIAL)
    check_weight("adversarial.gradient_penalty", adversarial.gradient_penalty)
    check_weight("reconstruction", config.reconstruction)
    if adversarial.loss == "wasserstein" and not adversarial.gradient_penalty:
        raise UserError(
            "adversarial.gradient_penalty is 0: nothing bounds a Wasserstein critic; choose 10, "
            "or adversarial.loss non_saturating"
        )
