"""MLflow's REST protocol: unmodified MLflow clients record and read here, with `MLFLOW_TRACKING_URI=http://host`.

    endpoints        the list of all of them
    message          a request's fields, checked; errors in MLflow's form
    experiments      names and ids of experiments, their tags, deletion
    runs, entities   runs, and how they look to MLflow's clients
    logging, metrics metrics, params, tags; the history of a metric
    filters, search  MLflow's filters and orders, as trees of `runlore.query` or decided here
    artifacts        the artifact proxy

Nothing is kept here: what a client writes is a run, an artifact, a card or a span like any other, and what others
wrote is shown as MLflow's clients expect it.
"""
