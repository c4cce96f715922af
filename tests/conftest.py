"""What every test shares."""

from __future__ import annotations

import os
import signal

# In a user's run our own failures are told of in the report; under test they are raised.
os.environ["BACKPROOF_TESTING"] = "1"
# One thread: the same sums in the same order, and two workers do not fight over two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# A shell that runs the tests beside itself ignores the signal, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
