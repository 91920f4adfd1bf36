"""Hugging Face Accelerate: what `Accelerator.log` is given, in loops of one's own. The first rank records.

`autolog` adds a tracker to what `Accelerator.init_trackers` begins. Without `autolog`, `tracker` gives one for
`Accelerator(log_with=…)`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed
from runlore.integrations._training import Training, is_suspended, simple
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run

NAME = "runlore"
"""What the tracker is called: `accelerator.get_tracker("runlore")`."""


def install(library: ModuleType, patches: Patches) -> None:
    """Have every accelerator that begins to track do so here too."""
    kind = _kind(importlib.import_module(f"{library.__package__}.tracking"))

    def around(begin: Callable[..., Any], accelerator: Any, *args: Any, **kwargs: Any) -> Any:
        found = begin(accelerator, *args, **kwargs)
        with Unharmed("a training of accelerate"):
            given = {**dict(zip(("project_name", "config"), args, strict=False)), **kwargs}  # it tells no signature
            project, config = given["project_name"], given.get("config")
            if accelerator.is_main_process and not any(one.name == NAME for one in accelerator.trackers):
                tracking = kind(project, watching=True)
                tracking.start()
                if config is not None:
                    tracking.store_init_configuration(config)
                accelerator.trackers.append(tracking)
        return found

    patches.wrap(library.Accelerator, "init_trackers", around)


def tracker(experiment: str) -> Any:
    """A tracker for `Accelerator(log_with=…)`, which needs no `autolog`.

    It records into the active run, else into one of its own, from `init_trackers` to `end_training`. Only the main
    process records. `accelerator.get_tracker("runlore").tracker` is the run.

    Args:
        experiment: of the run that it starts.

    Raises:
        InvalidName: `experiment` is no name.
        ModuleNotFoundError: Accelerate is not installed.

    Example:
        >>> from accelerate import Accelerator                              # doctest: +SKIP
        >>> from runlore.integrations.accelerate import tracker
        >>> accelerator = Accelerator(log_with=tracker("vision/unet"))      # doctest: +SKIP
        >>> accelerator.init_trackers("unet", config={"lr": 0.1})           # doctest: +SKIP
        >>> accelerator.log({"loss": 0.5}, step=1)                          # doctest: +SKIP
        >>> accelerator.end_training()                                      # doctest: +SKIP
    """
    check_path_name(experiment, "experiment")
    return _kind(importlib.import_module("accelerate.tracking"))(experiment, watching=False)


def _kind(library: Any) -> Callable[..., Any]:
    """The class of the tracker; it is one of Accelerate's, whose decorator keeps other ranks out."""
    members = {
        "name": NAME, "requires_logging_directory": False, "main_process_only": True,
        **{name: library.on_main_process(vars(_Tracking)[name])
           for name in ("start", "store_init_configuration", "log", "log_images", "finish")},
    }  # fmt: skip
    return type("RunloreTracker", (_Tracking, library.GeneralTracker), members)


class _Tracking:
    """What the tracker does; see `accelerate.tracking.GeneralTracker`.

    Args:
        experiment: of the run that it starts, where none is active.
        watching: whether `autolog` made it, and it records only while that is on.
    """

    def __init__(self, experiment: str, *, watching: bool) -> None:
        super().__init__()
        self._watching = watching
        self._training = Training("accelerate", experiment, always=not watching)

    @property
    def tracker(self) -> Run | None:
        """The run; None before `init_trackers`, and in processes other than the main one."""
        return self._training.run

    def start(self) -> None:
        """Begin."""
        self._training.__enter__()

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Record params, under the names that they have."""
        run = self._run()
        if run is not None:
            with Unharmed("params of accelerate"):
                run.log_params(simple(values, ""))

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        """Record values of any kind that `Run.log` takes."""
        run = self._run()
        if run is not None:
            with Unharmed("values of accelerate"):
                run.log(values, step=step)

    def log_images(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        """Record lists of images."""
        run = self._run()
        if run is not None:
            with Unharmed("images of accelerate"):
                for name, images in values.items():
                    for place, image in enumerate(images):
                        run.log_image(image, name if len(images) == 1 else f"{name}/{place}", step=step)

    def finish(self) -> None:
        """End the run, where the tracker started it."""
        self._training.__exit__(None, None, None)

    def _run(self) -> Run | None:
        run = self._training.run
        return None if run is None or run.ended or (self._watching and is_suspended()) else run
