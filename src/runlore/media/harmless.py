"""Types and functions in stored models that are harmless to load, beyond those that skops knows: one list for all.

A file may give an object of a listed type any state, and put any listed things together in any way. So what is here

- holds numbers, texts and other listed things, and does nothing with them while it is loaded;
- computes with what it is given, and opens no file or address, imports nothing and evaluates nothing;
- is trusted in the form in which skops writes it (`ObjectNode` and so on): a function is never called while loading.

Left out on purpose: what calls anything (`functools.partial`, `operator.methodcaller`, methods), distances by a Python
function, functions of NumPy that read or write files, and the distributions of SciPy, which execute a text of the file
(`rv_generic.__setstate__`). Compiled code trusts the numbers in trees and neighbour indices, as it does in the support
vector machines that skops trusts: a file made with intent can crash the process that predicts with it.
"""

from __future__ import annotations

from itertools import product

_OBJECTS = {
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMClassifier LGBMModel LGBMRanker LGBMRegressor",
    "scipy.interpolate._bsplines": "BSpline",
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss "
        "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
    ),
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.compose._column_transformer": "make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF "
        "RationalQuadratic Sum WhiteKernel"
    ),
    "sklearn.metrics._scorer": (
        "_CurveScorer _MultimetricScorer _PassthroughScorer _PredictScorer _ProbaScorer _Scorer _ThresholdScorer"
    ),
    "sklearn.model_selection._split": (
        "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit "
        "RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold "
        "StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper"
    ),
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMapping MethodMetadataRequest",
    "xgboost.core": "Booster",
    "xgboost.sklearn": "XGBClassifier XGBModel XGBRanker XGBRegressor XGBRFClassifier XGBRFRegressor",
}
"""Objects that get their state and nothing else."""

_DISTANCES = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Kulsinski Mahalanobis Manhattan Matching "
    "Minkowski RogersTanimoto RussellRao SEuclidean SokalMichener SokalSneath"
)

_FUNCTIONS = {
    "numpy": (
        "abs absolute amax amin average clip cumsum diff max mean median min nan_to_num nanmax nanmean nanmedian "
        "nanmin nanstd nansum prod ravel reshape round squeeze std sum transpose var"
    ),
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression r_regression",
    "sklearn.metrics._classification": (
        "accuracy_score balanced_accuracy_score brier_score_loss class_likelihood_ratios cohen_kappa_score "
        "d2_brier_score d2_log_loss_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score zero_one_loss"
    ),
    "sklearn.metrics._ranking": (
        "average_precision_score coverage_error dcg_score label_ranking_average_precision_score label_ranking_loss "
        "ndcg_score roc_auc_score top_k_accuracy_score"
    ),
    "sklearn.metrics._regression": (
        "d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score max_error "
        "mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss "
        "mean_poisson_deviance mean_squared_error mean_squared_log_error mean_tweedie_deviance median_absolute_error "
        "r2_score root_mean_squared_error root_mean_squared_log_error"
    ),
    "sklearn.metrics._scorer": "negative_likelihood_ratio positive_likelihood_ratio",
    "sklearn.metrics.cluster._supervised": (
        "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score homogeneity_score "
        "mutual_info_score normalized_mutual_info_score rand_score v_measure_score"
    ),
    "sklearn.metrics.pairwise": (
        "additive_chi2_kernel chi2_kernel cosine_distances cosine_similarity euclidean_distances haversine_distances "
        "laplacian_kernel linear_kernel manhattan_distances polynomial_kernel rbf_kernel sigmoid_kernel"
    ),
}
"""Functions that compute, referred to and not called."""

_IN_THEIR_FORM = {
    "collections.OrderedDict": ("TypeNode",),
    "numpy.dtype": ("DTypeNode",),
    "scipy.sparse._csr.csr_matrix": ("SparseMatrixNode", "TypeNode"),
    "sklearn.impute._iterative._ImputerTriplet": ("TupleNode",),
    "sklearn.tree._tree.Tree": ("TreeNode",),
    "sklearn.utils._bunch.Bunch": ("DictNode",),
    **{
        f"scipy.sparse._{name}.{name}_array": ("SparseMatrixNode", "TypeNode")
        for name in ("bsr", "coo", "csc", "csr", "dia")
    },
}

HARMLESS: dict[str, frozenset[str]] = {
    **{f"{module}.{name}": frozenset({"ObjectNode"}) for module, names in _OBJECTS.items() for name in names.split()},
    **{
        f"sklearn.metrics._dist_metrics.{name}Distance{width}": frozenset({"ObjectNode"})
        for name, width in product(_DISTANCES.split(), ("", "32", "64"))
    },
    **{
        f"{module}.{name}": frozenset({"FunctionNode"})
        for module, names in _FUNCTIONS.items()
        for name in names.split()
    },
    **{name: frozenset(forms) for name, forms in _IN_THEIR_FORM.items()},
}
"""Full name → the forms in which skops may write it."""


def unknown_types(names: set[str], schema: object) -> list[str]:
    """Those types of a skops file that a reader has to trust by name, sorted.

    Args:
        names: the types in it that skops itself does not trust.
        schema: its `schema.json`, read.

    Example:
        >>> node = {"__module__": "sklearn.tree._tree", "__class__": "Tree", "__loader__": "TreeNode"}
        >>> unknown_types({"sklearn.tree._tree.Tree"}, [node])
        []
        >>> unknown_types({"os.system"}, [{"__module__": "os", "__class__": "system", "__loader__": "FunctionNode"}])
        ['os.system']
    """
    forms = _forms(schema)
    return sorted(name for name in names if not (forms.get(name) and forms[name] <= HARMLESS.get(name, frozenset())))


def _forms(schema: object) -> dict[str, set[str]]:
    """In which forms each name stands in a file."""
    found: dict[str, set[str]] = {}
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if "__loader__" in node:
                name = f"{node.get('__module__')}.{node.get('__class__')}"
                found.setdefault(name, set()).add(str(node["__loader__"]))
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return found
