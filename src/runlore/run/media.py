"""Logging of objects: figures, images, tables, models … Each is encoded by `runlore.media` and kept as an artifact.

What the object is decides how it is stored, and its kind and metadata say how to read it again
(`runlore.get_run(uid).artifact(name).load()`). The encoders are imported when they are used.
"""

from __future__ import annotations

from runlore import model
from runlore.errors import InvalidArgument, WrongType
from runlore.names import check_key, check_path_name
from runlore.run.arguments import as_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from runlore.media.encoded import Encoded
    from runlore.run.losses import Keeping

ALERT_LEVELS = ("info", "warning", "error")


class MediaMethods:
    """The part of `Run` that logs objects. All names are artifact names; `step` places the object in the run."""

    _journal: Any
    _keep: Any
    _keeping: Callable[[str, str], Keeping]

    def log_figure(
        self, figure: Any, name: str = "figure", step: float | None = None, *, format: str | None = None,  # noqa: A002
        **savefig: Any,
    ) -> None:  # fmt: skip
        """Keep a figure: Matplotlib (as PNG, or `format="svg"`) or Plotly (as its specification).

        Args:
            figure: a Matplotlib `Figure`, `Axes` or `pyplot`, or a Plotly figure. It is not changed.
            name: artifact name.
            step: where in the run it belongs.
            format: `png`, `svg`, `pdf`, `jpg`, `webp`; `json` for Plotly.
            savefig: passed on to Matplotlib's `savefig`, for example `dpi=200`.

        Raises:
            WrongType: it is no figure.
            MissingDependency: the library is not installed.
        """
        with self._keeping("figure", name):
            from runlore.media.figure import encode_figure

            self._encoded(encode_figure(figure, format=format, **savefig), name, step)

    def log_image(
        self, image: Any, name: str = "image", step: float | None = None, *, boxes: Any = None, masks: Any = None,
        caption: str | None = None,
    ) -> None:  # fmt: skip
        """Keep an image.

        Args:
            image: a path, a Pillow image, or an array: grey `(H, W)`, `(H, W, C)`, `(C, H, W)` or a batch; floats 0..1
                or integers 0..255.
            name: artifact name; the same name at several steps makes a series.
            step: where in the run it belongs.
            boxes: bounding boxes, kept beside the image; see `runlore.media.annotations`.
            masks: segmentation masks, kept beside the image.
            caption: text.

        Raises:
            WrongType, InvalidArgument: it is no image, or its shape or values are ambiguous.
        """
        with self._keeping("image", name):
            from runlore.media.image import encode_image

            self._encoded(encode_image(image, boxes=boxes, masks=masks, caption=caption), name, step)

    def log_table(
        self, data: Any, name: str = "table", step: float | None = None, *, columns: Sequence[str] | None = None
    ) -> None:
        """Keep a table as Parquet.

        Args:
            data: a pandas or polars DataFrame, a pyarrow Table, a mapping of columns, or rows.
            name: artifact name.
            step: where in the run it belongs.
            columns: names of the columns, for rows.
        """
        with self._keeping("table", name):
            from runlore.media.table import encode_table

            self._encoded(encode_table(data, columns=columns), name, step)

    def log_text(self, text: str, name: str = "text", step: float | None = None) -> None:
        """Keep a text as an artifact."""
        with self._keeping("text", name):
            from runlore.media.text import encode_text

            self._encoded(encode_text(text), name, step)

    def log_dict(self, values: Any, name: str = "values.json", step: float | None = None) -> None:
        """Keep plain values, nested as they are, as a JSON document that people and programs can read.

        Args:
            values: a mapping, or anything that `log_param` takes.
            name: artifact name.
            step: where in the run it belongs.

        Raises:
            WrongType, InvalidArgument: a value has no form in JSON. Nothing was stored.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.log_dict({"classes": ["setosa", "virginica"]}, "classes.json")
            >>> runlore.get_run(run.uid).artifact("classes.json").load()
            {'classes': ['setosa', 'virginica']}
        """
        with self._keeping("document", name):
            from runlore.media.document import encode_document

            self._encoded(encode_document(values), name, step)

    def log_html(self, html: Any, name: str = "page.html", step: float | None = None) -> None:
        """Keep a page or fragment of HTML: text, a path, or an object with `_repr_html_`."""
        with self._keeping("html", name):
            from runlore.media.text import encode_html

            self._encoded(encode_html(html), name, step)

    def log_audio(
        self, audio: Any, name: str = "audio", step: float | None = None, *, sample_rate: int | None = None
    ) -> None:
        """Keep audio: a path, bytes, or an array of samples with its rate in hertz."""
        with self._keeping("audio", name):
            from runlore.media.audio import encode_audio

            self._encoded(encode_audio(audio, sample_rate), name, step)

    def log_video(
        self, video: Any, name: str = "video", step: float | None = None, *, fps: float | None = None
    ) -> None:
        """Keep a video: a path, or an array `(T, H, W, C)` or `(T, C, H, W)` with its frames a second."""
        with self._keeping("video", name):
            from runlore.media.video import encode_video

            self._encoded(encode_video(video, fps), name, step)

    def log_histogram(
        self, values: Any = None, name: str = "histogram", step: float | None = None, *, bins: int = 64,
        counts: Any = None, edges: Any = None,
    ) -> None:  # fmt: skip
        """Keep a histogram, of values or of given counts and edges (one edge more than counts)."""
        with self._keeping("histogram", name):
            from runlore.media.histogram import encode_histogram

            self._encoded(encode_histogram(values, bins, counts=counts, edges=edges), name, step)

    def log_curve(
        self, x: Any, y: Any, name: str = "curve", step: float | None = None, *, x_label: str = "x",
        y_label: str = "y", annotation: str | None = None,
    ) -> None:  # fmt: skip
        """Keep a curve: any y over x."""
        with self._keeping("curve", name):
            from runlore.media.curve import encode_curve

            self._encoded(encode_curve(x, y, x_label=x_label, y_label=y_label, annotation=annotation), name, step)

    def log_roc(self, y_true: Any, y_score: Any, name: str = "roc", step: float | None = None, **options: Any) -> None:
        """Keep the receiver operating characteristic: false positive rate on x; one curve a class."""
        with self._keeping("curve", name):
            from runlore.media.curve import encode_roc

            self._encoded(encode_roc(y_true, y_score, **options), name, step)

    def log_pr(self, y_true: Any, y_score: Any, name: str = "pr", step: float | None = None, **options: Any) -> None:
        """Keep the precision-recall curve: recall on x; one curve a class."""
        with self._keeping("curve", name):
            from runlore.media.curve import encode_pr

            self._encoded(encode_pr(y_true, y_score, **options), name, step)

    def log_confusion_matrix(
        self, y_true: Any = None, y_pred: Any = None, name: str = "confusion_matrix", step: float | None = None, *,
        matrix: Any = None, labels: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep a confusion matrix, from true and predicted classes or from a square `matrix` (rows: true)."""
        with self._keeping("confusion matrix", name):
            from runlore.media.confusion_matrix import encode_confusion_matrix

            self._encoded(encode_confusion_matrix(y_true, y_pred, matrix=matrix, labels=labels), name, step)

    def log_model(
        self, model: Any, name: str = "model", step: float | None = None, *, format: str | None = None,  # noqa: A002
        signature: Mapping[str, Any] | None = None, example: Any = None, allow_pickle: bool = False,
    ) -> None:  # fmt: skip
        """Keep a model in a format that loads without running code: skops, safetensors, or the library's own.

        Args:
            model: a scikit-learn, torch, XGBoost or LightGBM model.
            name: artifact name.
            step: where in the run it belongs.
            format: by default what suits the model; `pickle` only with `allow_pickle=True`.
            signature: names, types and shapes of inputs and outputs; derived from `example` by default.
            example: some rows of input, of which the first few are kept.
            allow_pickle: pickle a model that no other format takes. Whoever loads it has to allow it too.

        Raises:
            UnsafeLoad: only a pickle could hold it, and that was not asked for.
            MissingDependency: the library is not installed.
        """
        with self._keeping("model", name):
            from runlore.media.model import encode_model

            encoded = encode_model(
                model, format=format, signature=signature, example=example, allow_pickle=allow_pickle
            )
            self._encoded(encoded, name, step)

    def log_data_ref(self, data: Any, name: str = "data", **metadata: Any) -> dict[str, Any]:
        """Record which data a run used: by the hash of its contents, without keeping a copy.

        Args:
            data: an array, a DataFrame, a path of a file or directory …; see `runlore.media.data_reference`.
            name: what the run calls it.
            metadata: anything that can be JSON.

        Returns:
            What was recorded: name, hash, kind, shape, size. Empty where the data could not be read, which is counted
            and said.

        Raises:
            WrongType: the object has no content that could be hashed.
        """
        check_key(name, "name")
        reference: dict[str, Any] = {}
        with self._keeping("data reference", name):
            from runlore.media.data_reference import data_reference

            reference = {**data_reference(data, name), **metadata}
            self._journal.event(model.DATA, name, reference)
        return reference

    def unset_data_refs(self, *names: str) -> None:
        """Let references to data count no longer, for `RunView.data_refs`. They stay in the run's events.

        Raises:
            WrongType, InvalidName: a name is none.
        """
        for name in names:
            check_key(name, "name")
        for name in names:
            self._journal.event(model.UNSET, name, model.DATA)

    def alert(self, title: str, text: str = "", level: str = "info") -> None:
        """Record something that a person should know of.

        Args:
            title: one line.
            text: more of it.
            level: `info`, `warning` or `error`.

        Raises:
            InvalidArgument: an unknown level.
        """
        if level not in ALERT_LEVELS:
            raise InvalidArgument(f"level={level!r} must be one of {', '.join(ALERT_LEVELS)}")
        if not isinstance(text, str):
            raise WrongType(f"text={text!r} must be text")
        check_key(title, "title")
        self._journal.event(model.ALERT, title, {"text": text, "level": level})

    def log_span(
        self, name: str, start_ns: int, end_ns: int, *, trace_id: str | None = None, span_id: str | None = None,
        parent_id: str | None = None, status: str = "unset", attributes: Mapping[str, Any] | None = None,
        events: Sequence[Mapping[str, Any]] = (), **more: Any,
    ) -> tuple[str, str]:  # fmt: skip
        """Record a span of a trace: one timed operation within the run.

        Args:
            name: the operation.
            start_ns: when it began, nanoseconds since 1970 UTC.
            end_ns: when it ended.
            trace_id: 32 hex digits that spans of one trace share; new by default.
            span_id: 16 hex digits; new by default.
            parent_id: the span that this one is part of.
            status: `unset`, `ok` or `error`.
            attributes: anything that can be JSON.
            events: what happened meanwhile.
            more: further fields.

        Returns:
            The trace's and the span's id.

        Raises:
            InvalidArgument: it ends before it starts, or the status is unknown.
            WrongType: a time is no int, or attributes or an event are no mapping. Nothing was recorded.
        """
        import os

        check_key(name, "name")
        for argument, given in (("start_ns", start_ns), ("end_ns", end_ns)):
            if not isinstance(given, int):
                raise WrongType(f"{argument}={given!r} must be nanoseconds since 1970 as an int")
        if end_ns < start_ns:
            raise InvalidArgument(f"end_ns={end_ns!r} is before start_ns={start_ns!r}")
        if status not in ("unset", "ok", "error"):
            raise InvalidArgument(f"status={status!r} must be unset, ok or error")
        trace_id = trace_id or os.urandom(16).hex()
        span_id = span_id or os.urandom(8).hex()
        span = {
            "trace_id": trace_id, "span_id": span_id, "parent_id": parent_id, "start_ns": start_ns, "end_ns": end_ns,
            "status": status, "attributes": dict(as_mapping(attributes, "attributes")),
            "events": [dict(as_mapping(event, "event")) for event in events], **more,
        }  # fmt: skip
        self._journal.event(model.SPAN, name, span, time_ns=start_ns)
        return trace_id, span_id

    def log_encoded(
        self, encoded: Encoded, name: str, step: float | None = None, *, time: float | datetime | None = None,
        metadata: Mapping[str, Any] | None = None, columns: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep what an encoder of `runlore.media` made: the way in which every `log_*` of an object ends.

        Args:
            encoded: for example from `runlore.media.encode_object`, for which there is no method of its own.
            name: artifact name.
            step: where in the run it belongs.
            time: seconds since 1970 UTC or a datetime (naive: UTC). None: now.
            metadata: anything that can be JSON, beside what the encoder says.
            columns: extra columns of this artifact alone, in `Experiment.data()`.

        Raises:
            InvalidName, InvalidArgument, WrongType: the name, the step, the time, the metadata or a column cannot be.
                Nothing was stored.

        Example:
            >>> import runlore
            >>> from runlore.media import encode_object
            >>> with runlore.start("iris", capture=False) as run:
            ...     run.log_encoded(encode_object({"classes": ("setosa", "virginica")}), "labels")
            >>> runlore.get_run(run.uid).artifact("labels").load()
            {'classes': ('setosa', 'virginica')}
        """
        try:
            check_path_name(name, "name")
            about = {
                **as_mapping(metadata, "metadata"), **encoded.metadata,
                "kind": encoded.kind, "media_type": encoded.media_type,
            }  # fmt: skip
            self._keep(encoded.content, name, about, step, time=time, columns=columns)
        finally:
            encoded.discard()

    def _encoded(self, encoded: Encoded, name: str, step: float | None) -> None:
        self.log_encoded(encoded, name, step)
