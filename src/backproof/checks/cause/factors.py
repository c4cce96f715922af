"""A sign or a factor is missing, or is there once too often."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from backproof.checks.cause.blamed import EXACT, Blamed
from backproof.checks.cause.diagnosis import Diagnosis, renaming
from backproof.checks.edits.edit import short
from backproof.checks.scales import proportion
from backproof.grouping import recorded_sizes
from backproof.trace.site import SITES, Site


def ignores_incoming(blamed: Blamed) -> Diagnosis | None:
    """A backward value that does not depend on the gradient that came in."""
    operation = blamed.operation
    if not blamed.search.errors:
        return None  # it is not known what carries the error
    if operation.out in blamed.right or blamed.trust.reads_cotangent(operation):
        return None
    if not blamed.search.is_local(operation.site):
        return None
    if _meets_error(blamed, operation.out):
        return None
    caller, site = blamed.tape.called_from(operation), operation.where
    if caller is not None:
        # A helper that is given no gradient is called by one that is: ``return self.prime(z)``.
        calls = [SITES[blamed.tape.calls[c][1]] for c in blamed.tape.chains()[operation.index]]
        known = {blamed.text(node) for node in blamed.right}
        given = next((i for i in range(len(calls) - 1, -1, -1) if _takes(calls[i], known)), None)
        if given is None:
            return None
        caller = calls[given]
        if given < len(calls) - 1:
            site = calls[given + 1]
        else:
            returned = [SITES[s] for _, s in blamed.tape.flows.get(operation.out, ())]
            returned = [s for s in returned if s.function == operation.where.function]
            site = returned[-1] if returned else site
    return blamed.finding(
        "BP101", "missing-factor",
        f"`{short((caller or site).text)}` does not use the gradient that comes in",
        "multiply by the gradient that comes in", site=site,
    )  # fmt: skip


def _takes(call: Site, known: Collection[str]) -> bool:
    """Whether one of some values is among the arguments of a call."""
    return any((text.partition("=")[2] or text) in known for text in call.operands)


def _meets_error(blamed: Blamed, node: int) -> bool:
    """Whether a local value is multiplied by one that carries the error: a derivative."""
    for index in blamed.tape.users[node]:
        user = blamed.tape.operations[index]
        others = [n for n in user.inputs if n != node and n not in blamed.cotangents.forward]
        if blamed.tape.ancestors(others) & blamed.search.errors:
            return True
    return False


def sign_or_factor(blamed: Blamed) -> Diagnosis | None:
    """The truth is a multiple of the value, in every execution the same one."""
    if blamed.truth is None or np.size(blamed.author) != np.size(blamed.truth):
        return None
    x = np.asarray(blamed.author, float).reshape(-1)
    t = np.asarray(blamed.truth, float).reshape(-1)
    if not _consistent_factor(blamed):
        return None
    s, error = proportion(x, t)
    if error > EXACT:
        return None
    own = (blamed.fit.has_own_rate(i, abs(s) * blamed.fit.scale) for i in blamed.fault.repaired)
    if abs(s + 1) < EXACT or (s < 0 and any(own)):
        return blamed.finding("BP101", "wrong-sign", "its sign is reversed", "change the sign")
    name = _describe_factor(blamed, s)
    text = blamed.operation.where.text
    statement = _statement_text(blamed.operation.where)
    extra = (s > 1 and _mentions(statement, s)) or (s < 1 and _mentions(statement, 1 / s))
    code = "BP102" if len(blamed.fault.repaired) < len(blamed.fit.matches) else "BP101"
    sign = ", with the sign reversed" if s < 0 else ""
    size = f"{abs(s):.6g} times too large" if abs(s) > 1 else f"{1 / abs(s):.6g} times too small"
    if extra:
        return blamed.finding(code, "extra-factor", f"it is {size}{sign}{name}",
                              f"remove the factor {abs(s):.6g} from `{text}`")  # fmt: skip
    advice = f"divide by {abs(s):.6g}" if abs(s) > 1 else f"multiply by {1 / abs(s):.6g}"
    site = renaming(blamed.tape, [blamed.operation]) or blamed.operation.where
    return blamed.finding(code, "missing-factor", f"it is {size}{sign}{name}", f"{advice}{name}",
                          site=site)  # fmt: skip


def _consistent_factor(blamed: Blamed) -> bool:
    """Whether every execution of the site is off by the same factor."""
    factors = []
    for index in blamed.fault.operations[:50]:
        out = blamed.tape.operations[index].out
        truth = blamed.fault.truth.get(out)
        if truth is None or np.size(truth) < 1 or np.size(truth) != np.size(blamed.run.env[out]):
            continue
        s, error = proportion(
            np.asarray(blamed.run.env[out], float).reshape(-1),
            np.asarray(truth, float).reshape(-1),
        )
        if error > EXACT and np.any(np.asarray(truth)):
            return False
        if s:
            factors.append(s)
    if not factors:
        return False
    if max(np.size(blamed.fault.truth[n]) for n in blamed.fault.truth) == 1 and len(factors) < 3:
        sizes = recorded_sizes(blamed.tape)
        simple = {1.0, 2.0, 0.5, *sizes, *(1 / n for n in sizes)}
        return any(abs(abs(factors[0]) - n) < 1e-6 * n for n in simple)
    return max(factors) - min(factors) <= 1e-5 * abs(factors[0])


def _describe_factor(blamed: Blamed, s: float) -> str:
    """Name a factor that equals the length of a recorded axis."""
    value = abs(s) if abs(s) > 1 else 1 / abs(s)
    for node in blamed.tape.nodes:
        shape = np.shape(node.obj) if isinstance(node.obj, np.ndarray) else ()
        for axis, n in enumerate(shape):
            if n > 2 and abs(value - n) < 1e-6 * n and node.operation is None:
                path = blamed.evidence.names.path(node.obj)
                if path:
                    return f" (`{path}.shape[{axis}]`)"
    return ""


def _statement_text(site: Site) -> str:
    return site.file.slice(site.statement)


def _mentions(text: str, number: float) -> bool:
    """Whether a statement writes a number as a literal."""
    number = abs(number)
    written = {f"{number:g}", f"{number:.1f}", f"{int(number)}." if number == int(number) else ""}
    words = text.replace("(", " ").replace(")", " ").replace("*", " ").replace("/", " ")
    return any(w in written for w in words.split() if w)


def elementwise_factor(blamed: Blamed) -> Diagnosis | None:
    """The ratio to the truth is a function of forward values: a derivative is missing."""
    if blamed.truth is None or np.shape(blamed.truth) != np.shape(blamed.author):
        return None
    if np.ndim(blamed.truth) == 0 or not blamed.operation.inputs:
        return None
    if blamed.operation.out in blamed.right:
        source = _source(blamed)
        if source is not None:
            return source
        node, _ = blamed.right[blamed.operation.out]
        operation = blamed.tape.producer(node)
        if operation is not None:
            return blamed.finding(
                "BP101", "missing-factor",
                f"the derivative of `{short(operation.where.text)}` is missing",
                f"multiply by the derivative of `{short(operation.where.text)}`",
                site=_passed_on(blamed),
            )  # fmt: skip
    return None


def _source(blamed: Blamed) -> Diagnosis | None:
    """Put the blame for a view of a cotangent (its transpose) where that is made, if it is there.

    What is missing from all uses of a value is missing from the value.
    """
    made, operation = blamed.operation, blamed.operation
    while blamed.trust.is_idle(operation):
        known = blamed.right[operation.out]
        nodes = [n for n in operation.inputs if blamed.right.get(n) == known]
        source = blamed.tape.producer(nodes[0])
        if source is None:
            break
        operation = source
    if operation is made or np.size(blamed.author) != np.size(blamed.run.env[operation.out]):
        return None
    like, truth = blamed.run.env[operation.out], np.asarray(blamed.truth, float)
    turned = np.shape(like) != truth.shape
    value = truth.T.reshape(np.shape(like)) if turned else truth
    wanted = set(blamed.fault.repaired)
    replays = blamed.replays.without(blamed.fault.truth)
    if not wanted <= set(replays.repaired({operation.out: value}, wanted)):
        return None
    forward = blamed.tape.producer(blamed.right[operation.out][0])
    if forward is None:
        return None
    text = short(forward.where.text)
    return blamed.finding(
        "BP101", "missing-factor", f"the derivative of `{text}` is missing",
        f"multiply by the derivative of `{text}`",
        site=renaming(blamed.tape, [operation]) or operation.where,
    )  # fmt: skip


def _passed_on(blamed: Blamed) -> Site:
    """Return the statement that passes the blamed value on unchanged, if there is one.

    In ``dZ = dA`` nothing is computed; what is missing is missing there.
    """
    made = blamed.operation.where
    alias = renaming(blamed.tape, [blamed.operation])
    if alias is not None:
        return alias
    flows = blamed.tape.flows.get(blamed.operation.out, [])
    sites = [SITES[site] for _, site in flows]
    if made.is_value and made.targets:
        # Within the function that made it the factor is missing where it is made.
        sites = [s for s in sites if s.function != made.function]
    renamed = [s for s in sites if s.targets]
    return (renamed or sites or [blamed.operation.where])[-1]
