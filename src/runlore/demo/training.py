"""What is trained: a sweep of a small neural network on scikit-learn's digits, and classical models beside it.

Nothing here knows that it is a demonstration: it is a training script of functions that log to a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.run import Run

SEED = 7


class Split(NamedTuple):
    """Data for training and for validation: arrays `(samples, features)` and `(samples,)`."""

    x_train: Any
    x_val: Any
    y_train: Any
    y_val: Any


def digits() -> Split:
    """1,797 handwritten digits of 8 by 8 pixels, scaled to 0 … 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    return Split(*train_test_split(x / 16.0, y, test_size=0.3, random_state=SEED, stratify=y))


def diabetes() -> Split:
    """442 patients, ten measurements each, and the progression of their disease after a year."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    x, y = load_diabetes(return_X_y=True)
    return Split(*train_test_split(x, y, test_size=0.3, random_state=SEED))


def network_epochs(run: Run, data: Split, params: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Train a multi-layer perceptron epoch by epoch, logging each; gives (epoch, model) after every one."""
    import numpy as np
    from sklearn.metrics import accuracy_score, log_loss
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        hidden_layer_sizes=(params["hidden"],), learning_rate_init=params["lr"], batch_size=params["batch"],
        random_state=SEED,
    )  # fmt: skip
    classes = np.unique(data.y_train)
    for epoch in range(1, params["epochs"] + 1):
        model.partial_fit(data.x_train, data.y_train, classes=classes)
        probabilities = model.predict_proba(data.x_val)
        values = {
            "train/loss": float(model.loss_),
            "val/loss": log_loss(data.y_val, probabilities, labels=classes),
            "val/acc": accuracy_score(data.y_val, classes[probabilities.argmax(axis=1)]),
        }
        run.log_metrics(values, step=epoch)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in values.items())
        print(f"epoch {epoch:2}/{params['epochs']}  {shown}")  # noqa: T201 - the console is recorded too
        yield epoch, model


def train_network(run: Run, data: Split, params: dict[str, Any], advance: Callable[[], None]) -> None:
    """Train to the end, then keep the confusion matrix, a figure of it, and the model."""
    model = None
    for _, model in network_epochs(run, data, params):  # noqa: B007 - the last one is kept
        advance()
    keep_classifier(run, model, data)


def train_classifier(run: Run, data: Split, model: Any) -> None:
    """Fit a classical model of digits and keep how well it does."""
    from sklearn.metrics import accuracy_score, log_loss

    model.fit(data.x_train, data.y_train)
    probabilities = model.predict_proba(data.x_val)
    accuracy = accuracy_score(data.y_val, model.predict(data.x_val))
    run.log_metrics({"val/acc": accuracy, "val/loss": log_loss(data.y_val, probabilities)})
    print(f"{type(model).__name__}: accuracy {accuracy:.4f}")  # noqa: T201 - the console is recorded too
    keep_classifier(run, model, data)


def keep_classifier(run: Run, model: Any, data: Split) -> None:
    """Keep what a classifier of digits confuses, and the model itself."""
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    predicted = model.predict(data.x_val)
    run.log_confusion_matrix(data.y_val, predicted)
    figure = Figure(figsize=(5, 5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(data.y_val, predicted, ax=figure.subplots(), colorbar=False)
    run.log_figure(figure, "confusion_matrix.png")
    run.log_model(model, example=data.x_val[:3])


def train_regressor(run: Run, data: Split, model: Any) -> None:
    """Fit a classical model of the diabetes data; where it is built stage by stage, log each stage."""
    from sklearn.metrics import mean_absolute_error, r2_score

    model.fit(data.x_train, data.y_train)
    if hasattr(model, "staged_predict"):
        for stage, predicted in enumerate(model.staged_predict(data.x_val), 1):
            run.log_metric("val/r2", r2_score(data.y_val, predicted), step=stage)
    predicted = model.predict(data.x_val)
    values = {"val/r2": r2_score(data.y_val, predicted), "val/mae": mean_absolute_error(data.y_val, predicted)}
    run.log_metrics(values, step=getattr(model, "n_estimators", None))
    print("  ".join(f"{key} {value:.3f}" for key, value in values.items()))  # noqa: T201 - the console is recorded too
    run.log_model(model, example=data.x_val[:3])
