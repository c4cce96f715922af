"""A fixed sample of the corpus' faults is repaired, and what is verified is really right."""

from __future__ import annotations

import pytest

from benchmarks import repair
from tests.corpus import harness

#: Faults of different kinds, in programs whose step takes milliseconds.
SAMPLE = (
    "a_dict_momentum:bias-velocity",
    "a_eleven_lines:first-layer-sign",
    "a_dropout_net:new-mask",
    "a_solver_affine:relu-of-gradient",
    "b_layernorm:mean-axis",
    "b_residual_mlp:update-first",
)


@pytest.mark.quality
@pytest.mark.parametrize("key", SAMPLE)
def test_the_fault_is_repaired(key: str) -> None:
    (mutant,) = [m for m in harness.load_mutants() if m.key == key]
    row = repair.examine(mutant, budget=60.0, steps=60, workers=2)
    assert row["verified"], row
    assert row["oracle"] in ("output", "equal"), row
