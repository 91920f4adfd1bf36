"""Cross-validation with scikit-learn: a point for each fold, a confusion matrix, and the model, kept without pickle."""

from __future__ import annotations

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict, cross_val_score

import runlore

EXPERIMENT = "examples/sklearn"


def main() -> None:
    """Record one run for each depth of the trees."""
    features, labels = load_iris(return_X_y=True)
    for depth in (1, 3):
        model = RandomForestClassifier(n_estimators=20, max_depth=depth, random_state=0)
        with runlore.start(EXPERIMENT, params=model.get_params()) as run:
            for fold, score in enumerate(cross_val_score(model, features, labels, cv=5)):
                run.log_metric("fold/acc", score, step=fold)
            predicted = cross_val_predict(model, features, labels, cv=5)
            run.log_metric("acc", (predicted == labels).mean())
            run.log_confusion_matrix(labels, predicted)
            run.log_model(model.fit(features, labels), "forest")
    runs = runlore.experiment(EXPERIMENT).runs()
    best = runs.sort_values("metrics.acc").iloc[-1]
    print(f"best of {len(runs)}: max_depth={best['params.max_depth']:g}, acc {best['metrics.acc']:.3f}")


if __name__ == "__main__":
    main()
