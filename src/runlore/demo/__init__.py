"""`runlore demo`: real models on real data, recorded as any training would be, one of them killed on purpose.

`training` is what a user would write, `killed` is the program that does not survive, `show` puts it on the screen.
"""

from __future__ import annotations

from runlore.demo.story import DIABETES, DIGITS, DemoResult, run_demo

__all__ = ["DIABETES", "DIGITS", "DemoResult", "run_demo"]
