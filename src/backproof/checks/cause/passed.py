"""A wrong value that a function is given: the call is at fault, not what the function does."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from backproof.checks.found import Found
from backproof.source import SourceFile
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Tape, refs_in


def passed_in(tape: Tape, found: Found) -> Site:
    """Return where an edit belongs: the call that hands on what the expression should not read.

    ``sigmoid_prime(a)`` for ``sigmoid_prime(z)``: its ``s = sigmoid(x)`` reads but its parameter.
    """
    chains, site = tape.chains(), found.site
    operations = [tape.operations[index] for index in found.edited]
    read = {site.index}
    while operations and found.edit.found:
        if not all(_only_given(SITES[index], found.edit.found) for index in read):
            break
        depths = {_depth(tape, chains[o.index], read) for o in operations}
        depth = depths.pop()
        if depths or depth < 0:
            break
        if _reads_it_rightly(tape, found, depth):
            break
        read = {tape.calls[chains[o.index][depth]][1] for o in operations}
        above = SITES[min(read)]
        functions = {SITES[index].function for index in read}
        if len(functions) > 1 or above.function == site.function:
            break
        if len(read) == 1:
            site = above
    return site


def _reads_it_rightly(tape: Tape, found: Found, depth: int) -> bool:
    """Whether the same call computes with the value elsewhere too: ``dy * (dy > 0)``."""
    chains = tape.chains()
    for index, edited in found.edited.items():
        operation = tape.operations[index]
        kept = {node for _, node in refs_in(edited.args)}
        replaced = {node for _, node in refs_in(operation.args)} - kept
        within = chains[index][: depth + 1]
        others = (i for n in replaced for i in tape.users[n] if i not in found.edited)
        if any(chains[i][: depth + 1] == within for i in others):
            return True
    return False


def _depth(tape: Tape, chain: tuple[int, ...], read: set[int]) -> int:
    """Return the place in a chain of the call that entered the function of some sites, or -1."""
    places = [place for place, c in enumerate(chain) if tape.calls[c][1] in read]
    return places[0] - 1 if places else len(chain) - 1


def _only_given(site: Site, used: str) -> bool:
    """Whether an expression reads nothing but parameters, and not by the name of a value."""
    named = re.search(rf"(?<!\w){re.escape(used)}(?!\w)", site.text)
    return bool(_given(site)) and not named


def _given(site: Site) -> set[str]:
    """Return the parameters that an expression reads, if it reads nothing else, `self` included."""
    try:
        tree = ast.parse(site.text.strip(), mode="eval")
    except SyntaxError:
        return set()
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    called = {
        n.id for call in ast.walk(tree) if isinstance(call, ast.Call)
        for n in ast.walk(call.func) if isinstance(n, ast.Name)
    }  # fmt: skip
    read = names - called
    return read if "self" not in read and read <= _parameters(site.file, site.function) else set()


@lru_cache(maxsize=1_000)
def _parameters(file: SourceFile, function: str) -> frozenset[str]:
    """Return a function's parameters that it does not bind to other values."""
    try:
        tree = ast.parse(file.text)
    except SyntaxError:
        return frozenset()
    name = function.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            own = node.args
            given = {a.arg for a in (*own.posonlyargs, *own.args, *own.kwonlyargs)}
            bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stores(n)}
            return frozenset(given - bound)
    return frozenset()


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)
