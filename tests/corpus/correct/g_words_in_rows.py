"""Words near each other: rows of two tables, a batch of pairs at a time."""
import numpy as np

rng = np.random.default_rng(8)
VOCAB, DIM, BATCH, NEG = 18, 6, 12, 3
text = rng.integers(0, VOCAB, 400)
left = rng.normal(size=(VOCAB, DIM)) * 0.3
right = rng.normal(size=(VOCAB, DIM)) * 0.3
RATE = 0.05


def squash(s):
    return 1 / (1 + np.exp(-s))


def batch(step):
    at = rng.integers(1, len(text) - 1, BATCH)
    words, near = text[at], text[at + rng.choice([-1, 1], BATCH)]
    return words, near, rng.integers(0, VOCAB, (BATCH, NEG))


for step in range(200):
    words, near, far = batch(step)
    w, n, f = left[words], right[near], right[far]
    yes = squash((w * n).sum(axis=1))
    no = squash(np.einsum("bd,bkd->bk", w, f))
    loss = -np.log(yes).sum() - np.log(1 - no).sum()

    d_yes = (yes - 1)[:, None]
    d_no = no[:, :, None]
    d_w = d_yes * n + (d_no * f).sum(axis=1)
    d_n = d_yes * w
    d_f = d_no * w[:, None, :]

    np.add.at(left, words, -RATE * d_w)
    np.add.at(right, near, -RATE * d_n)
    np.add.at(right, far, -RATE * d_f)
    if step % 50 == 0:
        print(step, round(loss / BATCH, 4))
