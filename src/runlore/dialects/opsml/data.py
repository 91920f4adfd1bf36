"""Data interfaces: what a DataCard holds, how it is split, and how it is stored."""

from __future__ import annotations

import operator
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from runlore.dialects._absent import absent_names, refuse
from runlore.dialects.opsml._errors import ValidationError
from runlore.errors import WrongType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq,
}  # fmt: skip


@dataclass
class Data:
    """One split: features, and targets where there are dependent variables."""

    X: Any
    y: Any = None


@dataclass
class DataSplit:
    """Which rows belong to a split: those whose column compares so, a range of rows, or rows by number.

    Raises:
        ValidationError: an unknown operator, or nothing that selects rows.
    """

    label: str
    column_name: str | None = None
    column_value: Any = None
    inequality: str | None = None
    start: int | None = None
    stop: int | None = None
    indices: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.indices is not None:
            self.indices = _row_numbers(self.label, self.indices)
        if self.column_name is None and self.start is None and self.stop is None and self.indices is None:
            raise ValidationError(f"DataSplit {self.label!r} selects nothing; give column_name, start, stop or indices")
        self.inequality = "==" if self.inequality is None else str(self.inequality).strip()
        if self.inequality not in _OPERATORS:
            raise ValidationError(
                f"DataSplit {self.label!r}: inequality={self.inequality!r} must be one of {', '.join(_OPERATORS)}"
            )

    def mask(self, column: Any) -> Any:
        """Which rows compare so."""
        return _OPERATORS[str(self.inequality)](column, self.column_value)


def _row_numbers(label: str, indices: Any) -> list[int]:
    try:
        numbers = [operator.index(index) for index in indices]
    except TypeError as error:
        raise ValidationError(f"DataSplit {label!r}: indices must be whole numbers: {error}") from error
    if any(isinstance(index, bool) for index in indices):
        raise ValidationError(f"DataSplit {label!r}: indices must be whole numbers, not truth values")
    return numbers


class DataInterface:
    """Some data, and how it is split.

    Args:
        data: the data; None where there is only SQL.
        data_splits: how it is split.
        dependent_vars: names of the target columns.
        sql_logic: queries by name, as texts or paths of files with the suffix `.sql`.
        feature_map: anything that can be JSON, about the columns.
        feature_descriptions: likewise.

    Raises:
        WrongType: the data is not of the kind of this interface.
        ValidationError: neither data nor SQL is given, or there is no such file.
    """

    file_name: ClassVar[str] = "data"

    def __init__(
        self, data: Any = None, data_splits: Sequence[DataSplit] | None = None,
        dependent_vars: Sequence[str] | None = None, sql_logic: Mapping[str, str] | None = None,
        feature_map: Mapping[str, Any] | None = None, feature_descriptions: Mapping[str, str] | None = None,
        **others: Any,
    ) -> None:  # fmt: skip
        refuse(type(self).__name__, others, _NOT_KEPT)
        self.sql_logic = {name: _sql(name, text) for name, text in (sql_logic or {}).items()}
        if data is None and not self.sql_logic:
            raise ValidationError(f"{type(self).__name__} has neither data nor sql_logic")
        if data is not None:
            self.check(data)
        self.data = data
        self.data_splits = list(data_splits or [])
        self.dependent_vars = list(dependent_vars or [])
        self.feature_map = dict(feature_map or {})
        self.feature_descriptions = dict(feature_descriptions or {})

    def add_sql(self, name: str, query: str | None = None, filepath: str | os.PathLike[str] | None = None) -> None:
        """Keep a query, given as text or as a file.

        Raises:
            ValidationError: neither is given, or both, or there is no such file.
        """
        if (query is None) == (filepath is None):
            raise ValidationError(f"add_sql({name!r}): give either query= or filepath=")
        self.sql_logic[name] = _sql(name, query) if filepath is None else _read_sql(name, os.fspath(filepath))

    def check(self, data: Any) -> None:
        """Raise `WrongType` where the data is not of this interface's kind."""

    def rows(self, split: DataSplit) -> Any:
        """The rows of a split."""
        if split.column_name is not None:
            self._check_columns(f"DataSplit {split.label!r}: column_name", [split.column_name])
            return self.where(split.mask(self.column(split.column_name)))
        if split.indices is not None:
            return self.taken(list(split.indices))
        return self.sliced(split.start, split.stop)

    def columns(self) -> list[Any]:
        """Labels of the columns, as they are."""
        return list(getattr(self.data, "columns", ()))

    def column(self, name: Any) -> Any:
        """The values of a column."""
        return self.data[name]

    def where(self, mask: Any) -> Any:
        """The rows that a mask marks."""
        return self.data.filter(mask)

    def taken(self, indices: list[int]) -> Any:
        """The rows of these numbers."""
        return self.data[indices]

    def sliced(self, start: int | None, stop: int | None) -> Any:
        """The rows from one number up to, not including, another."""
        return self.data[start:stop]

    def halved(self, rows: Any) -> Data:
        """Features apart from targets."""
        if not self.dependent_vars:
            return Data(rows)
        targets = set(self.dependent_vars)
        return Data(rows[[name for name in self.columns() if name not in targets]], rows[self.dependent_vars])

    def _check_columns(self, argument: str, names: Sequence[Any]) -> None:
        known = self.columns()
        missing = [name for name in names if name not in known]
        if missing:
            raise ValidationError(f"{argument}={missing[0]!r} is no column; {type(self).__name__} has {known}")

    def split_data(self) -> dict[str, Data]:
        """Each split by its label.

        Raises:
            ValidationError: there are no splits, or the data is not loaded.
        """
        if not self.data_splits:
            raise ValidationError("No data splits provided: give data_splits=[DataSplit(...)]")
        if self.data is None:
            raise ValidationError("the data is not loaded; call load_data() first")
        self._check_columns("dependent_vars", self.dependent_vars)
        return {split.label: self.halved(self.rows(split)) for split in self.data_splits}

    def contents(self) -> dict[str, Any]:
        """What is stored, by artifact name."""
        return {} if self.data is None else {self.file_name: self.encoded()}

    def encoded(self) -> Any:
        """The data as it is stored."""
        from runlore.media import encode_object

        return encode_object(self.data)

    def decoded(self, artifact: Any) -> Any:
        """The data as it was."""
        return artifact.load()

    def describe(self) -> dict[str, Any]:
        """All but the data, as JSON."""
        return {
            "interface": type(self).__name__,
            "data_splits": [asdict(split) for split in self.data_splits],
            "dependent_vars": self.dependent_vars,
            "sql_logic": self.sql_logic,
            "feature_map": self.feature_map,
            "feature_descriptions": self.feature_descriptions,
        }

    def fill(self, about: Mapping[str, Any]) -> None:
        """Become what `describe` described, without the data."""
        self.data = None
        self.data_splits = [DataSplit(**split) for split in about.get("data_splits", ())]
        self.dependent_vars = list(about.get("dependent_vars", ()))
        self.sql_logic = dict(about.get("sql_logic", {}))
        self.feature_map = dict(about.get("feature_map", {}))
        self.feature_descriptions = dict(about.get("feature_descriptions", {}))


_NOT_KEPT = {"data_profile": "keep a profile with Run.log_table, or as metadata with runlore.registry.register"}


def _sql(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise WrongType(f"sql_logic[{name!r}]={text!r} must be text")
    return _read_sql(name, text) if text.endswith(".sql") and not re.search(r"\s", text) else text


def _read_sql(name: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError as error:
        raise ValidationError(f"sql_logic[{name!r}]={path!r}: there is no such file") from error


class PandasData(DataInterface):
    """A pandas DataFrame, stored as Parquet without its index.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"x": [1, 2, 3], "y": [0, 1, 0]})
        >>> splits = [DataSplit(label="big", column_name="x", column_value=2, inequality=">=")]
        >>> PandasData(data=frame, data_splits=splits, dependent_vars=["y"]).split_data()["big"].y["y"].tolist()
        [1, 0]
    """

    file_name = "data.parquet"

    def check(self, data: Any) -> None:
        """Raise `WrongType` where it is no DataFrame of pandas."""
        import pandas as pd

        if not isinstance(data, pd.DataFrame):
            raise WrongType(f"data is a {type(data).__name__}; PandasData wants a pandas DataFrame")

    def where(self, mask: Any) -> Any:
        """The rows that a mask marks."""
        return self.data[mask]

    def taken(self, indices: list[int]) -> Any:
        """The rows of these numbers."""
        return self.data.iloc[indices]

    def sliced(self, start: int | None, stop: int | None) -> Any:
        """The rows from one number up to, not including, another."""
        return self.data.iloc[start:stop]

    def encoded(self) -> Any:
        """The data as Parquet."""
        from runlore.media import encode_table

        return encode_table(self.data.reset_index(drop=True))


class PolarsData(DataInterface):
    """A polars DataFrame, stored as Parquet."""

    file_name = "data.parquet"

    def check(self, data: Any) -> None:
        """Raise `WrongType` where it is no DataFrame of polars."""
        if not (type(data).__module__.partition(".")[0] == "polars" and hasattr(data, "columns")):
            raise WrongType(f"data is a {type(data).__name__}; PolarsData wants a polars DataFrame")

    def encoded(self) -> Any:
        """The data as Parquet."""
        from runlore.media import encode_table

        return encode_table(self.data)

    def decoded(self, artifact: Any) -> Any:
        """The data as it was."""
        from runlore.dialects.opsml import _polars

        return _polars.read_parquet(artifact.path)


class ArrowData(DataInterface):
    """A pyarrow Table, stored as Parquet."""

    file_name = "data.parquet"

    def check(self, data: Any) -> None:
        """Raise `WrongType` where it is no Table."""
        import pyarrow as pa

        if not isinstance(data, pa.Table):
            raise WrongType(f"data is a {type(data).__name__}; ArrowData wants a pyarrow Table")

    def columns(self) -> list[Any]:
        """Names of the columns."""
        return list(self.data.column_names)

    def column(self, name: Any) -> Any:
        """The values of a column."""
        return self.data[name].to_numpy()

    def taken(self, indices: list[int]) -> Any:
        """The rows of these numbers."""
        import numpy as np

        return self.data.take(np.array(indices, np.int64))

    def halved(self, rows: Any) -> Data:
        """Features apart from targets."""
        if not self.dependent_vars:
            return Data(rows)
        return Data(rows.drop_columns(self.dependent_vars), rows.select(self.dependent_vars))

    def encoded(self) -> Any:
        """The data as Parquet."""
        from runlore.media import encode_table

        return encode_table(self.data)

    def decoded(self, artifact: Any) -> Any:
        """The data as it was."""
        return artifact.load(as_arrow=True)


class NumpyData(DataInterface):
    """A NumPy array."""

    def check(self, data: Any) -> None:
        """Raise `WrongType` where it is no array."""
        import numpy as np

        if not isinstance(data, np.ndarray):
            raise WrongType(f"data is a {type(data).__name__}; NumpyData wants a NumPy array")


class SqlData(DataInterface):
    """Queries as texts, without data."""


INTERFACES: dict[str, type[DataInterface]] = {
    kind.__name__: kind for kind in (PandasData, PolarsData, ArrowData, NumpyData, SqlData)
}


_BY_TYPE: dict[tuple[str, str], type[DataInterface]] = {
    ("pandas", "DataFrame"): PandasData,
    ("polars", "DataFrame"): PolarsData,
    ("pyarrow", "Table"): ArrowData,
    ("numpy", "ndarray"): NumpyData,
}


def interface_for(data: Any) -> DataInterface:
    """The interface that fits some data; an interface stays what it is.

    Raises:
        WrongType: none fits.
    """
    if isinstance(data, DataInterface):
        return data
    found = _BY_TYPE.get((type(data).__module__.partition(".")[0], type(data).__name__))
    if found is None:
        raise WrongType(f"data is a {type(data).__name__}; wrap it in one of {', '.join(INTERFACES)}")
    return found(data=data)


__all__ = ["ArrowData", "Data", "DataInterface", "DataSplit", "NumpyData", "PandasData", "PolarsData", "SqlData"]

_NO_FORM = "log such data with Run.log_artifact, and name them with Run.log_data_ref"

__getattr__ = absent_names(
    __name__,
    {
        **dict.fromkeys(("ImageData", "ImageDataset", "TextData", "TextDataset", "TorchData"), _NO_FORM),
        **dict.fromkeys(
            ("ColumnSplit", "ColType", "DataSplits", "IndiceSplit", "Inequality", "StartStopSplit"),
            "give DataSplit(label=, column_name=, column_value=, inequality=), start= and stop=, or indices=",
        ),
        "DependentVars": "give dependent_vars=[names] to the data",
        "DataSaveKwargs": "there are no arguments for saving: Parquet and npy lose nothing",
        "DataLoadKwargs": "there are no arguments for loading: load() gives what was registered",
    },
)
