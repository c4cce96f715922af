"""What is blamed: a site, and the values that it should have made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """One blamed site.

    ``operations`` are its executions in the step; ``truth`` the values that they should have had.
    """

    site: int
    operations: tuple[int, ...]
    truth: dict[int, Any]
    repaired: tuple[int, ...]
    kind: str = "value"
    detail: dict[str, Any] = field(default_factory=dict)
