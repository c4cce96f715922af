"""BP404 where NumPy refuses to store floats in an array of integers: what ended the program."""

from __future__ import annotations

from backproof.checks.advice import advise
from backproof.checks.places import Birthplaces, Place, statement_of
from backproof.checks.raised import place_of_error, value_at
from backproof.finding import Finding


def explain_cast(error: BaseException, births: Birthplaces) -> Finding | None:
    """Explain ``W -= lr * dW`` and ``X /= 255`` on integer arrays, which NumPy refuses."""
    found = place_of_error(error.__traceback__)
    if found is None:
        return None
    site, frame = found
    target = next(iter(site.operands), "") or site.text.split("=")[0].rstrip(" +-*/@%")
    array = value_at(target, frame)
    dtype = getattr(array, "dtype", None)
    if dtype is None or dtype.kind not in "iu":
        return None
    made = births.of(array)
    place: Place = statement_of(made) if made is not None else statement_of(site)
    line = " ".join(site.file.slice(site.statement).split())[:80]
    return advise(
        "BP404", "dtype", place,
        f"`{target}` is an array of integers ({dtype}): `{line}` cannot store floats in it",
        f"make it an array of floats: `{target} = {target}.astype(float)`, or `dtype=float` where "
        "it is made",
        {"dtype": str(dtype), "exception": str(error), "parameter": target}, severity="error",
        related=[(statement_of(site), "call-site")] if made is not None else (),
        confidence="proven",
    )  # fmt: skip
