"""The one way in which dialects load what was stored: which types are loaded without asking is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.media.encoded import MODEL, OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TRUSTED_TYPES = frozenset(
    {
        "numpy.dtype",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.sparse._csr.csr_matrix",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
    }
)
"""Types inside scikit-learn's models that skops asks about and that hold numbers only: trees, losses, kernels. They are
loaded without asking; others need `trusted=[...]`, pickles `allow_pickle=True`."""


def load(
    content: str | bytes, kind: str, media_type: str, metadata: Mapping[str, Any], *, trusted: Iterable[str] = (),
    allow_pickle: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """A stored object.

    Args:
        content: the path of a file, or bytes.
        kind: as it was stored.
        media_type: as it was stored.
        metadata: as it was stored.
        trusted: names of types that may be loaded beyond `TRUSTED_TYPES`; only models and objects are made of types.
        allow_pickle: unpickle what was stored as a pickle, which runs code that it brings.
        options: for the kind at hand; see `runlore.media.decode`.

    Raises:
        UnsafeLoad: a pickle without `allow_pickle`, or types that are not trusted.
        FileNotFoundError: the file does not exist.
    """
    from runlore.media import decode

    if kind in (MODEL, OBJECT):
        names = [trusted] if isinstance(trusted, str) else trusted
        options["trusted"] = sorted(TRUSTED_TYPES.union(names))
    return decode(kind, media_type, metadata, content, allow_pickle=allow_pickle, **options)
