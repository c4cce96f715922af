"""Which scalars a program calls its loss, and which only a measure of its quality."""

from __future__ import annotations

import re

from backproof.checks.words import COST
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Tape

#: Names of what a program minimises; an `error` or an accuracy is printed for the reader.
LOSS = re.compile(rf"loss|cost|nll|entropy|\bJ\b|\bmse\b|\bbce\b|objective|{COST}", re.I)
#: A negative log-likelihood, whatever its name.
LIKELIHOOD = re.compile(r"\blog(1p|addexp)?\(")
#: A list that values are put on.
KEPT = re.compile(r"\s*([\w.]+)\.append\(")
#: What only a measure of quality does.
METRIC = re.compile(r"abs\(|round|argmax|==|valid|test|dev\b|acc|mae|error|best", re.I)
#: What a running average of the loss is called; labels may be smooth.
AVERAGE = re.compile(r"smooth", re.I)

#: What picks the samples or entries that a cost is of: ``u[np.where(y == 1)]``.
PICKS = re.compile(r"\bwhere\([^()]*\)|\[[^\[\]]*\]")


def is_called_loss(tape: Tape, made: Operation, title: str) -> bool:
    """Whether a program calls what an operation makes its loss: by its name, place or formula."""
    names = [title, made.where.function]
    kept = KEPT.match(made.where.file.slice(made.where.statement))
    names += [kept[1]] if kept else []
    for call in tape.chains()[made.index]:
        if call >= 0:
            site = SITES[tape.calls[call][1]]
            names += site.targets if site.is_value else ()
    text = " ".join((*names, made.where.text))
    # (An index `j` is no cost.)
    named = any(LOSS.search(PICKS.sub("", name)) for name in names)
    named = named or bool(LIKELIHOOD.search(made.where.text))
    told = METRIC.search(PICKS.sub("", text)) or AVERAGE.search(
        " ".join((title, *made.where.targets))
    )
    return named and not told
