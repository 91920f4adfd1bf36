"""How many examples Hypothesis tries: some in the short form, many with `pytest --hypothesis-profile=long`."""

from __future__ import annotations

from hypothesis import settings


def examples(hundredths: int) -> int:
    """So many hundredths of what the profile tries: 100 is what a test tries that says nothing."""
    return max(1, hundredths * settings().max_examples // 100)
