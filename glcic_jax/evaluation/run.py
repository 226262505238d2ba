"""One evaluation from beginning to end."""

from argparse import Namespace

from glcic_jax.evaluation.examples import Examples
from glcic_jax.evaluation.manifest import manifest
from glcic_jax.evaluation.measure import measure
from glcic_jax.evaluation.report import write_report
from glcic_jax.evaluation.rivals import rivals
from glcic_jax.evaluation.summary import summary
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
    measured = measure(methods, examples, METRICS, {}, batch_size=args.batch_size, shown=args.shown)
    results = summary(measured.scores, measured.shares) | {"missing": {}}
    names = ("methods", "data", "masks", "size", "seed", "batch_size")
    told = manifest(
        {name: str(v) if (v := getattr(args, name)) == args.data else v for name in names},
        {rival.label: rival.about for rival in methods},
        examples.digests(),
        {},
        f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
    )
    write_report(args.output, measured, results, told)
    return markdown(table(results["scores"]))
