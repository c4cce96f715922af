"""What programs call costs, and whatever is meant to grow."""

from __future__ import annotations

import re

#: Words in the names of scalars that are meant to grow, and to fall.
GROWS = re.compile(
    r"likelihood|log_?lik|loglik|reward|return|score|elbo|\bll\b|objective_max", re.I
)
#: Words for a cost, and for an error, in other languages than English.
COST = r"cout|coût|co[sû]te|costo|custo\b|kost|verlust|perte|perda|p[eé]rdida|kay[iı]p"
ELSEWHERE = rf"{COST}|fehler|erreur|hata"
FALLS = re.compile(
    r"loss|cost|err|nll|neg|mse|sse|tss|rss|mae|bce|entropy|energy|residual|deviance|penalty"
    rf"|(?<![\[,])(?<!, )\bj\b|total|{ELSEWHERE}", re.I,
)  # fmt: skip
#: Functions that compute a cost.
COSTS = re.compile(
    rf"(\w+_)?(cost|loss|nll|mse|cross_?entropy|objective|({ELSEWHERE})\w*)"
    r"(_?(fn|func|function))?", re.I,
)  # fmt: skip
