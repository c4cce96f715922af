"""Convolution and padding."""

from __future__ import annotations

import numpy as np
import scipy.signal as sg

from tests.rules.cases import case, normal

for n, m in [(5, 3), (3, 5), (4, 4), (4, 2), (2, 4), (5, 1), (1, 5), (6, 4), (4, 6)]:
    for mode in ("full", "same", "valid"):
        case(np.convolve, normal(n), normal(m), mode)
        case(np.correlate, normal(n), normal(m), mode)
    case(np.correlate, normal(n), normal(m))
for f in (sg.convolve, sg.correlate, sg.fftconvolve):
    for n, m in [(5, 3), (3, 5), (4, 4), (4, 2), (2, 4), (5, 1), (6, 4)]:
        for mode in ("full", "same", "valid"):
            case(f, normal(n), normal(m), mode)
for f in (sg.convolve2d, sg.correlate2d, sg.convolve, sg.correlate):
    for a, b in [
        ((4, 5), (2, 3)),
        ((4, 5), (3, 2)),
        ((3, 3), (3, 3)),
        ((2, 2), (3, 4)),
        ((4, 4), (1, 2)),
    ]:
        for mode in ("full", "same", "valid"):
            case(f, normal(*a), normal(*b), mode=mode)
for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
    case(np.pad, normal(4, 3), ((1, 2), (0, 1)), mode)
    case(np.pad, normal(4, 3), 2, mode=mode)
case(np.pad, normal(4), 1, constant_values=0.5)
case(np.pad, normal(2, 2), ((0, 0), (1, 1)))
case(np.pad, normal(4), 1, constant_values=3)
case(np.trapezoid, normal(4))
case(np.trapezoid, normal(3, 4), dx=2, axis=0)
case(np.trapezoid, normal(4), np.array([0, 1, 3, 4]))
case(np.ediff1d, normal(2, 3))
