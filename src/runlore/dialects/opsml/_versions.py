"""How each generation of OpsML counts versions, as functions that choose one for `runlore.registry.register`."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from runlore.dialects.opsml._errors import VersionError
from runlore.errors import AlreadyExists, InvalidArgument
from runlore.versions import (
    BUILD,
    DEFAULT_BUILD_TAG,
    DEFAULT_PRE_TAG,
    MAJOR,
    MINOR,
    PATCH,
    PRE,
    Version,
    check_tag,
    next_version,
    select_versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PRE_BUILD = "pre_build"


class VersionType(str, Enum):
    """The step to the next version. The upper-case names are v1's."""

    Major = MAJOR
    MAJOR = MAJOR
    Minor = MINOR
    MINOR = MINOR
    Patch = PATCH
    PATCH = PATCH
    Pre = PRE
    PRE = PRE
    Build = BUILD
    BUILD = BUILD
    PreBuild = PRE_BUILD
    PRE_BUILD = PRE_BUILD


def _step(version_type: object) -> str:
    text = version_type.value if isinstance(version_type, VersionType) else str(version_type).lower()
    if text not in [item.value for item in VersionType]:
        raise InvalidArgument(f"version_type={version_type!r} must be one of {', '.join(VersionType.__members__)}")
    return str(text)


def _taken(version: Version, versions: Sequence[Version]) -> AlreadyExists:
    return AlreadyExists(
        f"version {str(version)!r} is there already, and versions are never given out twice; the latest is "
        f"{max(versions)}. Nothing was registered"
    )


def second(
    version: str | None, version_type: object, pre_tag: str | None, build_tag: str | None
) -> Callable[[Sequence[Version]], Version]:
    """v2: 0.1.0 first; tags are free; a version in full is used as it is, a partial one is continued."""
    step = _step(version_type)
    pre = "" if pre_tag is None else check_tag(pre_tag, "pre_tag")
    build = "" if build_tag is None else check_tag(build_tag, "build_tag")
    full = _full(version)

    def choose(taken: Sequence[Version]) -> Version:
        if full is not None:
            found = full
        elif version:
            found = _continue(taken, version, step)
        else:
            found = _next(max(taken, default=Version(0)), step)
        with_tags = step in (PRE, BUILD, PRE_BUILD)
        found = Version(
            *found.release,
            pre or (DEFAULT_PRE_TAG if with_tags and step != BUILD else found.pre),
            build or (DEFAULT_BUILD_TAG if with_tags and step != PRE else found.build),
        )
        if found in taken:
            raise _taken(found, taken)
        return found

    return choose


def _full(version: str | None) -> Version | None:
    """A version in full; None for none, and for a partial one, which is continued.

    Raises:
        InvalidArgument: it is neither.
    """
    if version and version.count(".") >= 2:
        return Version.parse(version)
    if version:
        select_versions([], version)  # refuses what is no partial version
    return None


def _next(latest: Version, step: str) -> Version:
    """Unlike semantic versioning wants it, a pre-release counts as the release that it announces."""
    if step in (PRE, BUILD, PRE_BUILD):
        return latest if latest.release != (0, 0, 0) else Version(0, 1)
    return Version(*latest.release).bumped(step)


def _continue(taken: Sequence[Version], partial: str, step: str) -> Version:
    numbers = [int(part) for part in partial.lstrip("v").split(".") if part != "*"]
    within = select_versions(taken, partial)
    if within:
        return Version(*within[0].release).bumped(PATCH if len(numbers) > 1 else step)
    return Version(numbers[0], numbers[1] if len(numbers) > 1 else 0)


def first(
    version: str | None, version_type: object, pre_tag: str | None, build_tag: str | None
) -> Callable[[Sequence[Version]], Version]:
    """v1: 1.0.0 first; pre-releases are counted and want a version in full; the next step finalises them.

    The tags of any other step are free, and stand behind the version.
    """
    step = _step(version_type)
    pre = "" if pre_tag is None else check_tag(pre_tag, "pre_tag")
    build = "" if build_tag is None else check_tag(build_tag, "build_tag")
    full = _full(version)
    if step in (PRE, PRE_BUILD) and full is None:
        raise VersionError("version_type='pre' wants the version that it announces: give the card version='2.1.0'")

    def choose(taken: Sequence[Version]) -> Version:
        if step in (PRE, PRE_BUILD) and full is not None:
            if any(item.release == full.release and not item.pre for item in taken):
                raise VersionError(f"version={version!r} is released; a pre-release of it would come too late")
            found = next_version(taken, PRE, pre_tag=pre_tag, base=Version(*full.release))
            return found if step == PRE else next_version(taken, BUILD, build_tag=build_tag, base=found)
        if step == BUILD:
            return next_version(taken, BUILD, build_tag=build_tag, base=full or max(taken, default=Version(1)))
        if full is not None:
            found = full
        elif version:
            found = _continue(taken, version, step)
        else:
            found = next_version(taken, step) if taken else Version(1)
        found = Version(*found.release, pre or found.pre, build or found.build)
        if found in taken:
            raise VersionError(f"version={version!r} is taken; the latest is {max(taken)}. Nothing was registered")
        return found

    return choose
