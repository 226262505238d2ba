"""Runs one evaluation from beginning to end."""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

from glcic_jax.evaluate.checking import check_examples
from glcic_jax.evaluate.examples import Examples
from glcic_jax.evaluate.kept_rows import HOLES_LIMIT, Holes, KeptRow, KeptRows
from glcic_jax.evaluate.manifest import manifest, software
from glcic_jax.evaluate.measure import Features, Scoring
from glcic_jax.evaluate.outside_program import file_states
from glcic_jax.evaluate.report import write_report
from glcic_jax.evaluate.rivals import TRUTH, Rival, rivals
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
from glcic_jax.runtime.digests import Item, file_digest
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
    # Check all files, and describe what the numbers will depend on.
    checked = check_examples(examples)
    recorded = manifest(
        args,
        {rival.label: rival.about for rival in methods},
        checked.digests,
        digests,
        devices,
    )
    # Measure row by row, and write.
    scoring = Scoring(examples, checked, METRICS | perceptual, networks, batch_size=args.batch_size)
    kept = KeptRows(args.output, _shared(recorded), HOLES_LIMIT if args.shown else 0)
    with kept.until_reported():
        rows = _truth(kept, scoring, networks, caches) | _rows(kept, scoring, methods)
        measured = scoring.measured(methods, rows, args.shown)
        results = summary(measured.scores, measured.shares)
        add_distances(results, measured.features, TRUTH, missing)
        if digests.get(INCEPTION, FID_SHA256) != FID_SHA256:
            results["notes"].append(f"{args.inception.name} is not {FID_FILE}: {NOT_FID}")
        write_report(args.output, measured, results, recorded)
    notes = [f"not computed: {name}: {reason}\n" for name, reason in missing.items()]
    notes += [f"note: {note}\n" for note in results["notes"]]
    notes += [
        f"{name}: {cache.found} of {cache.asked} pictures' features from {cache.path}\n"
        for name, cache in caches.items()
        if cache.asked
    ]
    return "\n".join([markdown(table(results["scores"])), *notes])


def _rows(kept: KeptRows, scoring: Scoring, methods: list[Rival]) -> dict[str, KeptRow]:
    """Returns all methods' rows: those that an earlier command finished, and the others anew."""
    about = {rival.label: rival.about | _program(rival) for rival in methods}
    found = {label: kept.find(label, own) for label, own in about.items()}
    lacking = [rival for rival in methods if found[rival.label] is None]
    scoring.rehearse(lacking[1:])
    rows = {}
    for rival in methods:
        label = rival.label
        row = found[label]
        if row is None:
            row = kept.write(label, about[label], partial(scoring.method, rival))
        else:
            print(f"{label}: taken from {kept.folder}, where the same command finished it")
        rows[label] = row
    return rows


def _truth(
    kept: KeptRows,
    scoring: Scoring,
    networks: dict[str, Features],
    caches: dict[str, FeatureCache],
) -> dict[str, KeptRow]:
    """Returns the row of the pictures' own features; none without networks."""

    def measure(_: Holes) -> Item:
        features = scoring.truth(networks | caches)
        for cache in caches.values():
            cache.save()
        return features

    if not networks:
        return {}
    return {TRUTH: kept.find(TRUTH, {}) or kept.write(TRUTH, {}, measure)}


def _shared(recorded: dict[str, Any]) -> dict[str, Any]:
    """Returns the part of the manifest that every row depends on: all but the other methods."""
    arguments = {name: v for name, v in recorded["arguments"].items() if name != "methods"}
    return {name: v for name, v in recorded.items() if name != "methods"} | {"arguments": arguments}


def _program(rival: Rival) -> dict[str, Any]:
    """Returns the state of the files that a method's command line names, if it has one."""
    command = rival.about.get("command")
    return {"files": file_states(command)} if command else {}


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
