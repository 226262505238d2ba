"""Describes the fields of the template, in the order of configs/template.py."""

from glcic_jax.methods.common_fields import WIDTH, adam, phase
from glcic_jax.runtime.fields import Description

# Replace: a line for each field of the config that is the method's own.
FIELDS: Description = {
    "width": WIDTH,
    "phases.l1": phase("the only phase"),
    **adam("size of the moves, by Adam"),
}
