"""Recording what other libraries train, without a line in the training: `runlore.autolog`.

One module for each library. It is handed the library, and imports none; it is loaded when the library is.
"""

from __future__ import annotations

from runlore.integrations._autolog import Autolog, autolog

__all__ = ["Autolog", "autolog"]
