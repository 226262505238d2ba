"""Four virtual CPU devices, typed leaves, and flags that libraries may read outside an app."""

import jax
from absl import flags

jax.config.update("jax_num_cpu_devices", 4)
flags.FLAGS.mark_as_parsed()  # grain's worker processes read flags (JAX outside an absl app)
