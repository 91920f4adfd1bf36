"""Cards of data and models, of both generations: what v1 calls `repository` is v2's `space`."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore.dialects._absent import refuse
from runlore.dialects.opsml import _names
from runlore.dialects.opsml._card_info import ENVIRONMENT, CardInfo
from runlore.dialects.opsml._errors import OpsmlError, ValidationError
from runlore.dialects.opsml._listed import Listed
from runlore.dialects.opsml.data import INTERFACES as DATA_INTERFACES
from runlore.dialects.opsml.data import Data, DataInterface, interface_for
from runlore.dialects.opsml.model import INTERFACES as MODEL_INTERFACES
from runlore.dialects.opsml.model import MODEL, ONNX, PREPROCESSOR, SAMPLE, ModelInterface, OnnxModel, load_sample
from runlore.names import check_path_name, is_uid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.registry import Card as NativeCard

_NAME_V1 = re.compile(r"[a-z0-9][-a-z0-9]*", re.ASCII).fullmatch


def clean_v1(text: Any, argument: str) -> str:
    """Trimmed, in lower case, `_` as `-`.

    Raises:
        ValidationError: it is no text.
    """
    if not isinstance(text, str):
        raise ValidationError(f"{argument}={text!r} must be text, not {type(text).__name__}")
    return text.strip().lower().replace("_", "-")


def check_v1(repository: str, name: str) -> None:
    """Raise `ValidationError` where v1 would not take these names."""
    for argument, text in (("repository", repository), ("name", name)):
        if not _NAME_V1(text):
            raise ValidationError(f"{argument}={text!r}: letters a-z, digits and hyphens are possible, and no blanks")
    if len(repository) + len(name) + 1 > _names.MAX_NAME_LENGTH:
        raise ValidationError(f"'{repository}/{name}' has more than {_names.MAX_NAME_LENGTH} characters")


_NOT_KEPT = {
    "metadata": "give name=, tags= and the like to the card itself, and add_info() what else there is to say",
    "pipelinecard_uid": "register what the pipeline is with runlore.registry.register, and give inputs=",
    "experimentcard_uid": "register the card with the experiment's or run's register_card",
    "runcard_uid": "register the card with the experiment's or run's register_card",
    "drift_profile": "keep a profile with Run.log_dict, or as metadata with runlore.registry.register",
    "metrics": "log them with log_metrics()",
    "parameters": "log them with log_parameters()",
    "artifact_uris": "log them with log_artifact_from_file()",
    "project": "run it in OpsmlProject(...).run()",
}


class Card(Listed):
    """What cards of all kinds have.

    Attributes:
        space, repository: the same, in the words of v2 and v1.
        name: within the space.
        version: as registered; before that as wanted, or None.
        uid: None until it is registered.
        experimentcard_uid: the experiment (v2) or run (v1) that registered it.
        created_at: when it was registered.
    """

    registry_type = ""

    def __init__(
        self, *, space: str | None = None, name: str | None = None, repository: str | None = None,
        contact: str | None = None, info: CardInfo | None = None, version: str | None = None, uid: str | None = None,
        tags: Mapping[str, Any] | Iterable[str] | None = None, **others: Any,
    ) -> None:  # fmt: skip
        refuse(type(self).__name__, others, _NOT_KEPT)
        self.is_card = True
        self.v1 = space is None and _pick("repository", repository, info) is not None
        self.name = _named("name", _pick("name", name, info) or _names.default("name", self.registry_type))
        given = space or _pick("repository", repository, info) or _names.default("space", self.registry_type)
        self.space = _named("repository" if self.v1 else "space", given)
        self.contact = _pick("contact", contact, info)
        if self.v1:
            self.contact = _named("contact", self.contact)
            self.space, self.name = clean_v1(self.space, "repository"), clean_v1(self.name, "name")
            check_v1(self.space, self.name)
        else:
            self.space, self.name = _names.clean_names(self.space, self.name)
        self.version = version or (info.version if info is not None else None)
        self.uid = uid
        self.tags: Any = tags if tags is not None else (dict(info.tags) if info is not None else {})
        self.experimentcard_uid: str | None = None
        self.created_at: datetime | None = None
        self.native: NativeCard | None = None

    @property
    def repository(self) -> str:
        """The space, in v1's word."""
        return self.space

    @property
    def runcard_uid(self) -> str | None:
        """The run that registered it, in v1's word."""
        return self.experimentcard_uid

    @property
    def metadata(self) -> Card:
        """v1 keeps `runcard_uid` here."""
        return self

    def add_tag(self, key: str, value: str = "") -> None:
        """Add a tag, before it is registered."""
        tags: Any = self.tags
        known = dict(tags) if hasattr(tags, "items") else dict.fromkeys(tags, "")
        self.tags = {**known, key: value}

    def contents(self) -> dict[str, Any]:
        """What is stored, by artifact name."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Metadata as JSON."""
        return {}

    def inputs(self) -> list[str]:
        """Uids of the cards that it was made from."""
        return []

    def registered(self, card: NativeCard) -> None:
        """It was registered, or read: take over what the registry says."""
        self.native = card
        self.space, self.name, self.version, self.uid = card.space, card.name, card.version, card.uid
        self.tags = dict(card.tags)
        self.created_at = datetime.fromtimestamp(card.created_ns / 1e9, timezone.utc)
        self.experimentcard_uid = card.run
        self.contact = card.metadata.get("contact")

    def need_native(self) -> NativeCard:
        """The registered card.

        Raises:
            OpsmlError: it is not registered.
        """
        if self.native is None:
            raise OpsmlError(f"{type(self).__name__} {self.space}/{self.name} is not registered yet")
        return self.native

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.space}/{self.name}, version={self.version}, uid={self.uid})"


def _pick(part: str, given: str | None, info: CardInfo | None) -> str | None:
    """An explicit argument, else what the info says, else the environment."""
    if given is not None:
        return given
    from_info = getattr(info, part) if info is not None else None
    return from_info or os.environ.get(ENVIRONMENT + part.upper()) or None


def _named(argument: str, value: str | None) -> str:
    if not value:
        raise ValidationError(
            f"{argument} is missing: give {argument}=, or a CardInfo, or {ENVIRONMENT}{argument.upper()}, "
            "or a default in pyproject.toml"
        )
    return value


_LOADING = {
    "path": "download_artifacts(path) copies what is stored; what is loaded comes from the store",
    "load_kwargs": "there is nothing to say about loading, but allow_pickle=True or trusted=[…] for models",
    "load_onnx": "load_onnx_model() loads the ONNX graph",
    "load_preprocessor": "the preprocessor is loaded with the model",
}


class DataCard(Card):
    """A card of data.

    Args:
        interface: a data interface, or the data itself.
        others: space or repository, name, contact, info, version, tags.
    """

    registry_type = "data"

    def __init__(self, interface: Any = None, **others: Any) -> None:
        if interface is None:
            raise ValidationError("DataCard: interface=None; give a data interface such as PandasData(data=...)")
        super().__init__(**others)
        self.interface: DataInterface = interface_for(interface)
        self.additional_info: dict[str, Any] = {}

    @property
    def data(self) -> Any:
        """The data; None in a loaded card until `load_data`."""
        return self.interface.data

    @property
    def data_splits(self) -> Any:
        """How it is split."""
        return self.interface.data_splits

    def split_data(self) -> dict[str, Data]:
        """Each split by its label: `.X` and `.y`."""
        return self.interface.split_data()

    def add_info(self, info: Mapping[str, Any]) -> None:
        """Keep anything else that there is to say about the data, as JSON, before it is registered."""
        self.additional_info.update(info)

    def load(self, **options: Any) -> None:
        """As `load_data`, in v2's word."""
        self.load_data(**options)

    def load_data(self, **options: Any) -> None:
        """Load the data of a card that was read from the registry."""
        refuse("load_data", options, _LOADING)
        if self.interface.data is None and self.interface.file_name in {
            item.name for item in self.need_native().artifacts()
        }:
            artifact = self.need_native().artifact(self.interface.file_name)
            self.interface.data = self.interface.decoded(artifact)

    def contents(self) -> dict[str, Any]:
        """The data, as it is stored."""
        return self.interface.contents()

    def describe(self) -> dict[str, Any]:
        """The interface, and what was added, as JSON."""
        return {**self.interface.describe(), "additional_info": self.additional_info}

    @classmethod
    def from_native(cls, card: NativeCard) -> DataCard:
        """A registered card, without its data."""
        found = cls.__new__(cls)
        found.is_card, found.v1 = True, False
        kind = DATA_INTERFACES.get(str(card.metadata.get("interface")), DataInterface)
        found.interface = kind.__new__(kind)
        found.interface.fill(card.metadata)
        found.additional_info = dict(card.metadata.get("additional_info", {}))
        found.registered(card)
        return found


class ModelCard(Card):
    """A card of a model.

    Args:
        interface: a model interface such as `SklearnModel`.
        to_onnx: store the model as ONNX too, checked against its own predictions (extra `onnx`).
        datacard_uid: of the card that it was trained on.
        others: space or repository, name, contact, info, version, tags.

    Raises:
        ValidationError: `datacard_uid` is no uid.
    """

    registry_type = "model"

    def __init__(
        self, interface: Any = None, to_onnx: bool = False, datacard_uid: str | None = None, **others: Any
    ) -> None:
        if not isinstance(interface, ModelInterface):
            raise ValidationError(f"ModelCard: interface={interface!r} must be one of {', '.join(MODEL_INTERFACES)}")
        if datacard_uid is not None and not is_uid(str(datacard_uid).replace("-", "")):
            raise ValidationError(f"datacard_uid={datacard_uid!r} is no uid")
        super().__init__(**others)
        self.interface = interface
        self.to_onnx = to_onnx
        self.datacard_uid = None if datacard_uid is None else datacard_uid.replace("-", "")

    @property
    def model(self) -> Any:
        """The model; None in a loaded card until `load_model`."""
        return self.interface.model

    @property
    def onnx_model(self) -> OnnxModel | None:
        """The ONNX graph; None until `load_onnx_model`, or where there is none."""
        found: OnnxModel | None = self.interface.onnx_model
        return found

    @property
    def sample_data(self) -> Any:
        """The row that is kept of what goes in."""
        return self.interface.sample_data

    @property
    def preprocessor(self) -> Any:
        """What is applied before the model."""
        return self.interface.preprocessor

    def contents(self) -> dict[str, Any]:
        """The model, as it is stored."""
        return self.interface.contents(to_onnx=self.to_onnx)

    def describe(self) -> dict[str, Any]:
        """The interface, as JSON."""
        return {**self.interface.describe(), "datacard_uid": self.datacard_uid, "to_onnx": self.to_onnx}

    def inputs(self) -> list[str]:
        """The data that it was trained on."""
        return [self.datacard_uid] if self.datacard_uid else []

    def load(self, **options: Any) -> Any:
        """As `load_model`, in v2's word."""
        return self.load_model(**options)

    def load_model(
        self, *, allow_pickle: bool = False, trusted: Iterable[str] | bool = (), module: Any = None, **others: Any
    ) -> Any:
        """Load the model, its preprocessor and its sample; returns the model.

        Args:
            allow_pickle: load pickles, which run code that they bring. Only for cards that you trust.
            trusted: types of scikit-learn's models that you trust, beyond those that are known to be harmless; or True.
            module: a PyTorch module that gets the weights that were stored.
            others: there are none.
        """
        refuse("load_model", others, _LOADING)
        native = self.need_native()
        names = {item.name for item in native.artifacts()}
        stored = next(name for name in sorted(names) if name.startswith(f"{MODEL}."))
        safety: dict[str, Any] = {"allow_pickle": allow_pickle, "trusted": trusted}
        self.interface.model = native.load(stored, **safety, **({} if module is None else {"module": module}))
        if PREPROCESSOR in names:
            self.interface.preprocessor = native.load(PREPROCESSOR, **safety)
        if SAMPLE in names:
            self.interface.sample_data = load_sample(native.artifact(SAMPLE), **safety)
        return self.interface.model

    def load_onnx_model(self, **options: Any) -> OnnxModel:
        """Load the ONNX graph.

        Raises:
            ArtifactNotFound: the card has none.
        """
        refuse("load_onnx_model", options, _LOADING)
        artifact = self.need_native().artifact(ONNX)
        self.interface.onnx_model = OnnxModel(artifact.load(), artifact.metadata)
        found: OnnxModel = self.interface.onnx_model
        return found

    def download_artifacts(self, lpath: str | os.PathLike[str] = "artifacts") -> list[str]:
        """Copy all that is stored into a directory."""
        return self.need_native().download(lpath, overwrite=True)

    @classmethod
    def from_native(cls, card: NativeCard) -> ModelCard:
        """A registered card, without its model."""
        found = cls.__new__(cls)
        found.is_card, found.v1 = True, False
        kind = MODEL_INTERFACES.get(str(card.metadata.get("interface")), ModelInterface)
        found.interface = kind.__new__(kind)
        for name in ("model", "preprocessor", "sample_data", "onnx_model"):
            setattr(found.interface, name, None)
        found.interface.task_type = str(card.metadata.get("task_type") or "undefined")
        found.interface.model_type = str(card.metadata.get("model_type") or "undefined")
        found.to_onnx = bool(card.metadata.get("to_onnx"))
        found.datacard_uid = card.metadata.get("datacard_uid")
        found.registered(card)
        return found


class OtherCard(Card):
    """A card of any other kind, such as a prompt or a service: names, tags and JSON.

    Args:
        kind: of the registry.
        values: anything that can be JSON.
        others: space, name, version, tags.
    """

    def __init__(self, kind: str = "prompt", values: Mapping[str, Any] | None = None, **others: Any) -> None:
        self.registry_type = check_path_name(kind, "kind")
        super().__init__(**others)
        self.values = dict(values or {})

    def describe(self) -> dict[str, Any]:
        """The values."""
        return self.values

    @classmethod
    def from_native(cls, card: NativeCard) -> OtherCard:
        """A registered card."""
        found = cls.__new__(cls)
        found.is_card, found.v1, found.registry_type = True, False, card.kind
        found.values = dict(card.metadata)
        found.registered(card)
        return found
