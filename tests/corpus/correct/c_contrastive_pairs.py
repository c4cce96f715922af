"""Embeds stars so that two spectra of one class lie near, those of two classes a margin apart."""

import numpy as np

rng = np.random.default_rng(8)
MARGIN, CLASSES = 1.2, 4
templates = rng.normal(size=(CLASSES, 7))
kind = rng.integers(CLASSES, size=120)
spectra = templates[kind] + 0.3 * rng.normal(size=(120, 7))

hidden = rng.normal(size=(7, 9)) / np.sqrt(7)
shift = np.zeros(9)
embed = rng.normal(size=(9, 2)) / 3


def pull_and_push(left, right, alike):
    """Return the contrastive loss of pairs and the gradients of the three parameters."""
    hl, hr = np.tanh(left @ hidden + shift), np.tanh(right @ hidden + shift)
    gap = (hl - hr) @ embed
    distance = np.sqrt(np.sum(gap**2, axis=1) + 1e-12)
    short = np.maximum(0.0, MARGIN - distance)
    loss = np.mean(alike * distance**2 + (1 - alike) * short**2)

    slope = 2 * (alike * distance - (1 - alike) * short) / len(alike)
    g_gap = (slope / distance)[:, None] * gap
    g_h = g_gap @ embed.T
    gl, gr = g_h * (1 - hl**2), -g_h * (1 - hr**2)
    return loss, left.T @ gl + right.T @ gr, (gl + gr).sum(axis=0), (hl - hr).T @ g_gap


for round_ in range(160):
    a, b = rng.integers(120, size=(2, 40))
    loss, g_hidden, g_shift, g_embed = pull_and_push(
        spectra[a], spectra[b], (kind[a] == kind[b]).astype(float)
    )
    hidden -= 0.1 * g_hidden
    shift -= 0.1 * g_shift
    embed -= 0.1 * g_embed
    if round_ % 40 == 0:
        print(f"round {round_}: loss {loss:.4f}")
