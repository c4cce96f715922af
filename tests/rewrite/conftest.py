from __future__ import annotations

from collections.abc import Iterator

import pytest

from backproof.trace import passthrough


@pytest.fixture(autouse=True)
def _hooks() -> Iterator[None]:
    passthrough.install(on=True)
    yield
    passthrough.install(on=False)
