"""Semantic versions: reading, ordering, counting up, and the queries that find one. After semver.org 2.0.0.

Written here rather than taken from a library: the one that is well kept (`semver`) has neither partial versions nor
`~` and `^` ranges, nor the sort key by which a database orders versions, so that all of this would still be here.
"""

from __future__ import annotations

import re
from functools import total_ordering
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, WrongType

if TYPE_CHECKING:
    from collections.abc import Iterable

MAJOR, MINOR, PATCH, PRE, BUILD = "major", "minor", "patch", "pre", "build"
BUMPS = (MAJOR, MINOR, PATCH, PRE, BUILD)
DEFAULT_PRE_TAG = "rc"
DEFAULT_BUILD_TAG = "build"

_NUMBER = r"0|[1-9]\d{0,17}"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?", re.ASCII
).fullmatch
_PARTIAL = re.compile(rf"([~^]?)v?({_NUMBER})(?:\.({_NUMBER}|\*))?(?:\.({_NUMBER}|\*))?", re.ASCII).fullmatch
_TAG = re.compile(_IDENTIFIERS, re.ASCII).fullmatch
_MAX_LENGTH = 128


@total_ordering
class Version:
    """One semantic version. Ordered by precedence; of equal precedence, by the text of the build.

    Attributes:
        major, minor, patch: numbers.
        pre: the pre-release, such as `rc.1`; empty for a release.
        build: the build, such as `build.7`; empty for none.

    Example:
        >>> Version.parse("1.2.0-rc.2") < Version.parse("1.2.0-rc.10") < Version.parse("1.2.0")
        True
    """

    __slots__ = ("build", "major", "minor", "patch", "pre")

    def __init__(self, major: int, minor: int = 0, patch: int = 0, pre: str = "", build: str = "") -> None:
        self.major = major
        self.minor = minor
        self.patch = patch
        self.pre = pre
        self.build = build

    @classmethod
    def parse(cls, text: object) -> Version:
        """The version that a text names in full.

        Raises:
            WrongType: it is no text.
            InvalidArgument: it is no semantic version.
        """
        if isinstance(text, Version):
            return text
        if not isinstance(text, str):
            raise WrongType(f"version={text!r} must be text such as '1.2.0', not {type(text).__name__}")
        found = _VERSION(text) if len(text) <= _MAX_LENGTH else None
        if found is None or any(_has_leading_zero(part) for part in (found[4] or "").split(".")):
            raise InvalidArgument(
                f"version={text[:_MAX_LENGTH]!r} is no semantic version; give MAJOR.MINOR.PATCH, for example '1.2.0', "
                "'1.2.0-rc.1' or '1.2.0+build.7'"
            )
        return cls(int(found[1]), int(found[2]), int(found[3]), found[4] or "", found[5] or "")

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return text + (f"-{self.pre}" if self.pre else "") + (f"+{self.build}" if self.build else "")

    def __repr__(self) -> str:
        return f"Version({str(self)!r})"

    @property
    def release(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        return self.major, self.minor, self.patch

    @property
    def sort_key(self) -> str:
        """A text that sorts, byte by byte, as versions do."""
        numbers = ".".join(f"{number:018d}" for number in self.release)
        # '!' ends an identifier and '~' stands for "no pre-release": below and above whatever identifiers hold
        pre = "".join(f"{_identifier_key(part)}!" for part in self.pre.split(".")) if self.pre else "~"
        return f"{numbers} {pre} {self.build}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and str(self) == str(other)

    def __lt__(self, other: Version) -> bool:
        return self.sort_key < other.sort_key

    def __hash__(self) -> int:
        return hash(str(self))

    def bumped(self, bump: str) -> Version:
        """The next release: of a pre-release, the release that it announced where that is a step of this size.

        Raises:
            InvalidArgument: `bump` is none of major, minor, patch.

        Example:
            >>> Version.parse("1.2.3").bumped("minor"), Version.parse("2.1.0-rc.2").bumped("minor")
            (Version('1.3.0'), Version('2.1.0'))
        """
        check_bump(bump, (MAJOR, MINOR, PATCH))
        if bump == MAJOR:
            return Version(self.major + (not (self.pre and not self.minor and not self.patch)))
        if bump == MINOR:
            return Version(self.major, self.minor + (not (self.pre and not self.patch)))
        return Version(self.major, self.minor, self.patch + (not self.pre))


def _has_leading_zero(part: str) -> bool:
    return part.isdigit() and len(part) > 1 and part[0] == "0"


def _identifier_key(part: str) -> str:
    """Numbers by value and before words; words by their letters."""
    return f"0{len(part):03d}{part}" if part.isdigit() else f"1{part}"


def check_bump(bump: object, known: tuple[str, ...] = BUMPS) -> str:
    """One of the words for a step between versions.

    Raises:
        InvalidArgument: it is none.
    """
    if bump not in known:
        raise InvalidArgument(f"bump={bump!r} must be one of {', '.join(known)}")
    return str(bump)


def check_tag(tag: object, argument: str) -> str:
    """A pre-release or build tag: letters, digits and hyphens, in parts separated by dots.

    Raises:
        InvalidArgument: it is none.
    """
    if not isinstance(tag, str) or len(tag) > _MAX_LENGTH or not _TAG(tag):
        raise InvalidArgument(f"{argument}={tag!r} must be letters, digits and hyphens, in parts separated by dots")
    return tag


def next_version(
    taken: Iterable[Version],
    bump: str = MINOR,
    *,
    pre_tag: str | None = None,
    build_tag: str | None = None,
    base: Version | None = None,
) -> Version:
    """The version that follows.

    | bump | after 1.2.3 | after 1.3.0-rc.1 | of nothing |
    | --- | --- | --- | --- |
    | `major` | 2.0.0 | 2.0.0 | 1.0.0 |
    | `minor` | 1.3.0 | 1.3.0 | 0.1.0 |
    | `patch` | 1.2.4 | 1.3.0 | 0.0.1 |
    | `pre` | 1.3.0-rc.1 | 1.3.0-rc.2 | 0.1.0-rc.1 |
    | `build` | 1.2.3+build.1 | 1.3.0-rc.1+build.1 | 0.1.0+build.1 |

    Args:
        taken: every version that was ever given out.
        bump: the step.
        pre_tag: makes the result a pre-release with this tag; for `pre`, the tag that is counted (`rc`).
        build_tag: makes the result a build with this tag; for `build`, the tag that is counted (`build`).
        base: for `pre` and `build`: the release that they belong to. By default the next minor release, or the one that
            the latest pre-release announced, for `pre`; the latest version for `build`.

    Raises:
        InvalidArgument: an unknown bump, or a tag that is none.
    """
    check_bump(bump)
    known = sorted(taken)
    latest = known[-1] if known else Version(0)
    if bump == BUILD:
        of = base or (latest if known else latest.bumped(MINOR))
        return _counted_build(known, of, check_tag(build_tag or DEFAULT_BUILD_TAG, "build_tag"))
    build = "" if build_tag is None else check_tag(build_tag, "build_tag")
    if bump == PRE:
        of = base or (latest if latest.pre else latest.bumped(MINOR))
        found = _counted_pre(known, of, check_tag(pre_tag or DEFAULT_PRE_TAG, "pre_tag"))
        return Version(*found.release, found.pre, build)
    release = latest.bumped(bump)
    return Version(*release.release, "" if pre_tag is None else check_tag(pre_tag, "pre_tag"), build)


def _counted_pre(known: list[Version], of: Version, tag: str) -> Version:
    pres = [version.pre for version in known if version.release == of.release]
    return Version(*of.release, f"{tag}.{_next_count(pres, tag)}")


def _counted_build(known: list[Version], of: Version, tag: str) -> Version:
    builds = [version.build for version in known if (version.release, version.pre) == (of.release, of.pre)]
    return Version(*of.release, of.pre, f"{tag}.{_next_count(builds, tag)}")


def _next_count(tags: list[str], tag: str) -> int:
    counts = [int(text.rpartition(".")[2]) for text in tags if re.fullmatch(rf"{re.escape(tag)}\.\d{{1,18}}", text)]
    return max(counts, default=0) + 1


def check_query(query: object) -> str:
    """A version query: `latest`, `*`, `1`, `1.2`, `1.*`, `~1.2`, `^1.2`, or a version in full.

    Raises:
        WrongType: it is no text.
        InvalidArgument: it is none of these.
    """
    if not isinstance(query, str):
        raise WrongType(f"version={query!r} must be text such as '1.2.0' or '^1.2', not {type(query).__name__}")
    if is_query(query):
        return query
    raise InvalidArgument(
        f"version={query[:_MAX_LENGTH]!r} is no version query; give 'latest', '*', '1', '1.2', '1.*', '~1.2', '^1.2', "
        "or a version in full such as '1.2.0-rc.1'"
    )


def is_query(text: str) -> bool:
    """Whether a text is a version query; if not, it may be an alias."""
    known = text in ("latest", "*") or (_VERSION(text) or _PARTIAL(text) if len(text) <= _MAX_LENGTH else None)
    return bool(known)


def select_versions(versions: Iterable[Version], query: str) -> list[Version]:
    """Those of the versions that a query means, the greatest first.

    | query | means |
    | --- | --- |
    | `latest`, `*` | every release |
    | `1`, `1.*` | 1.0.0 up to, not including, 2.0.0 |
    | `1.2`, `1.2.*`, `~1.2` | 1.2.0 up to 1.3.0 |
    | `~1.2.3` | 1.2.3 up to 1.3.0 |
    | `^1.2.3` | 1.2.3 up to 2.0.0; `^0.2.3` up to 0.3.0; `^0.0.3` up to 0.0.4 |
    | `1.2.3`, `1.2.3-rc.1` | that version; of several builds of it, the greatest first |

    Ranges mean releases. Pre-releases are found by their full version, and by `latest` and `*` where nothing was
    released.

    Raises:
        InvalidArgument: the query cannot be understood.

    Example:
        >>> known = [Version.parse(text) for text in ("1.2.0", "1.3.1", "2.0.0-rc.1")]
        >>> select_versions(known, "^1.2"), select_versions(known, "latest")[0]
        ([Version('1.3.1'), Version('1.2.0')], Version('1.3.1'))
    """
    found = sorted(versions, reverse=True)
    check_query(query)
    full = _VERSION(query)
    if full is not None:
        wanted = Version.parse(query)
        exact = [version for version in found if version == wanted]
        same = [version for version in found if (version.release, version.pre) == (wanted.release, wanted.pre)]
        return exact or ([] if wanted.build else same)
    releases = [version for version in found if not version.pre]
    if query in ("latest", "*"):
        return releases or found
    low, high = _bounds(query)
    return [version for version in releases if low <= version.release < high]


def _bounds(query: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The first release of a range, and the first one after it."""
    match = _PARTIAL(query)
    if match is None:  # `check_query` was there before
        raise InvalidArgument(f"version={query!r} is no range of versions")
    sign, *parts = match.groups()
    numbers: list[int] = []
    for part in parts:
        if part in (None, "*"):
            break
        numbers.append(int(part))
    low = (numbers[0], *[*numbers[1:], 0, 0][:2])
    if sign == "^":
        place = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
    elif sign == "~" or len(numbers) < 3:
        place = min(len(numbers) - 1, 1)
    else:
        place = 2
    high = [*low[:place], low[place] + 1, 0, 0][:3]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
