"""One evaluation from beginning to end."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from glcic_jax.disk import file_digest
from glcic_jax.errors import UserError
from glcic_jax.evaluation.bootstrap import Estimate
from glcic_jax.evaluation.distances import frechet_distance, kernel_distance
from glcic_jax.evaluation.examples import Examples
from glcic_jax.evaluation.manifest import manifest
from glcic_jax.evaluation.measure import Measured, measure
from glcic_jax.evaluation.perceptual import FEATURES, PERCEPTUAL, MissingError
from glcic_jax.evaluation.report import write_report
from glcic_jax.evaluation.rivals import TRUTH, rivals
from glcic_jax.evaluation.summary import cell, summary
from glcic_jax.evaluation.tables import markdown, table
from glcic_jax.metrics import METRICS
from glcic_jax.parallel import make_mesh


def evaluate(args: Namespace, examples: Examples) -> str:
    """Measures, writes the report, returns its main table as Markdown.

    Raises:
      UserError: a method that is unknown or fails, an example that cannot be used, a full disk.
    """
    mesh = make_mesh()
    methods = rivals(args.methods, mesh, args.timeout)
    unknown = set(args.skip) - {*PERCEPTUAL, *FEATURES}
    if unknown:
        known = ", ".join([*PERCEPTUAL, *FEATURES])
        raise UserError(f"--skip {min(unknown)}: no such metric; there are {known}")
    missing = dict.fromkeys(args.skip, "skipped")
    perceptual, weights = _loaded(PERCEPTUAL, mesh, missing)
    networks, more_weights = _loaded(FEATURES, mesh, missing)
    measured = measure(
        methods,
        examples,
        METRICS | perceptual,
        networks,
        batch_size=args.batch_size,
        shown=args.shown,
    )
    results = summary(measured.scores, measured.shares)
    _add_distances(results["scores"], measured, missing)
    results["missing"] = missing
    names = ("methods", "data", "masks", "size", "seed", "batch_size", "skip")
    told = manifest(
        {name: str(v) if isinstance(v := getattr(args, name), Path) else v for name in names},
        {rival.label: rival.about for rival in methods},
        examples.digests(),
        {name: file_digest(path) for name, path in (weights | more_weights).items()},
        f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
    )
    write_report(args.output, measured, results, told)
    notes = [f"not computed: {name}: {reason}\n" for name, reason in missing.items()]
    return "\n".join([markdown(table(results["scores"])), *notes])


def _loaded(loaders: dict, mesh: Mesh, missing: dict[str, str]) -> tuple[dict, dict[str, Path]]:
    """What can be loaded, and from where; the reason goes into `missing` for what cannot."""
    functions, files = {}, {}
    for name, load in loaders.items():
        if name in missing:
            continue
        try:
            functions[name], files[name] = load(mesh)
        except MissingError as reason:
            missing[name] = str(reason)
    return functions, files


def _add_distances(
    scores: dict[str, dict[str, Any]], measured: Measured, missing: dict[str, str]
) -> None:
    for name, features in measured.features.items():
        truth = features[TRUTH]
        few = len(truth) <= truth.shape[1]
        if few:
            missing[f"fd_{name}"] = f"needs more than {truth.shape[1]:,} pictures"
        for method, values in scores.items():
            values[f"kd_{name}"] = cell(kernel_distance(features[method], truth))
            if not few:
                distance = frechet_distance(features[method], truth)
                values[f"fd_{name}"] = cell(Estimate(distance, np.nan, np.nan, len(truth)))
