"""Runs one evaluation from beginning to end."""

from argparse import Namespace
from functools import partial
from pathlib import Path

from jax.sharding import Mesh

from glcic_jax.evaluate.examples import Examples
from glcic_jax.evaluate.manifest import manifest, software
from glcic_jax.evaluate.measure import Features, measure
from glcic_jax.evaluate.report import write_report
from glcic_jax.evaluate.rivals import TRUTH, rivals
from glcic_jax.evaluate.summary import INCEPTION, add_distances, summary
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.metrics import METRICS
from glcic_jax.metrics.feature_cache import FeatureCache
from glcic_jax.metrics.perceptual import (
    FEATURES,
    FID_FILE,
    FID_SHA256,
    PERCEPTUAL,
    MissingError,
    inception_v3,
)
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.digests import file_digest
from glcic_jax.runtime.errors import UserError

NOT_FID = "FID, KID, P-IDS and U-IDS are the published ones only if its numbers are the same"


def run_evaluation(args: Namespace, examples: Examples) -> str:
    """Measures all methods, writes the report and returns its main table as Markdown.

    Args:
      args: the command's arguments; see `glcic_jax.evaluate.__main__.parse`.
      examples: the pictures and holes.

    Raises:
      UserError: a method that is unknown or fails, an example that cannot be used, a full disk.
    """
    # Load methods, metrics and networks.
    mesh = make_mesh()
    methods = rivals(args.methods, mesh, args.timeout)
    features = FEATURES | {INCEPTION: partial(inception_v3, path=args.inception)}
    unknown = set(args.skip) - {*PERCEPTUAL, *features}
    if unknown:
        known = ", ".join([*PERCEPTUAL, *features])
        raise UserError(f"--skip {min(unknown)}: no such metric; there are {known}")
    missing = dict.fromkeys(args.skip, "skipped")
    perceptual, weights = _loaded(PERCEPTUAL, mesh, missing)
    networks, more_weights = _loaded(features, mesh, missing)
    digests = {name: file_digest(path) for name, path in (weights | more_weights).items()}
    devices = f"{mesh.size} x {mesh.devices.flat[0].device_kind}"
    caches = _caches(args.feature_cache, networks, digests, devices)
    # Measure.
    measured = measure(
        methods,
        examples,
        METRICS | perceptual,
        networks,
        networks | caches,
        batch_size=args.batch_size,
        shown=args.shown,
    )
    results = summary(measured.scores, measured.shares)
    add_distances(results, measured.features, TRUTH, missing)
    if digests.get(INCEPTION, FID_SHA256) != FID_SHA256:
        results["notes"].append(f"{args.inception.name} is not {FID_FILE}: {NOT_FID}")
    # Write.
    names = ("methods", "data", "masks", "size", "seed", "batch_size", "skip", "inception")
    given = {name: getattr(args, name) for name in names}
    recorded = manifest(
        {name: str(value) if isinstance(value, Path) else value for name, value in given.items()},
        {rival.label: rival.about for rival in methods},
        examples.digests(),
        digests,
        devices,
    )
    write_report(args.output, measured, results, recorded)
    for cache in caches.values():
        cache.save()
    notes = [f"not computed: {name}: {reason}\n" for name, reason in missing.items()]
    notes += [f"note: {note}\n" for note in results["notes"]]
    notes += [
        f"{name}: {cache.found} of {cache.asked} pictures' features from {cache.path}\n"
        for name, cache in caches.items()
    ]
    return "\n".join([markdown(table(results["scores"])), *notes])


def _caches(
    folder: Path | None, networks: dict[str, Features], digests: dict[str, str], devices: str
) -> dict[str, FeatureCache]:
    """Wraps each network so that it keeps the features of the pictures in a folder."""
    if folder is None:
        return {}
    same = {"devices": devices, "software": software()}
    return {
        name: FeatureCache(network, folder, {"weights": digests[name]} | same)
        for name, network in networks.items()
    }


def _loaded(loaders: dict, mesh: Mesh, missing: dict[str, str]) -> tuple[dict, dict[str, Path]]:
    """Loads what can be loaded, and adds the reason to `missing` for what cannot.

    Returns:
      By name: the functions, and the files that they were loaded from.
    """
    functions, files = {}, {}
    for name, load in loaders.items():
        if name in missing:
            continue
        try:
            functions[name], files[name] = load(mesh)
        except MissingError as reason:
            missing[name] = str(reason)
    return functions, files
