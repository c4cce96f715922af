"""Where a value was made that later statements only turn, scale or add a penalty to.

Of ``-grad / n + penalty * w`` the last addition is the first value that is known to be wrong. That
it is no multiple of the true one shows that `grad` is: what is done to it can be undone.
"""

from __future__ import annotations

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, is_in, keeps
from backproof.checks.cause.blamed import Blamed
from backproof.trace.tape import Operation, Ref


def begun(blamed: Blamed) -> Operation:
    """Return the first operation after which, up to the blamed one, all steps can be undone."""
    tape, operation = blamed.tape, blamed.operation
    while (earlier := _turned(blamed, operation)) is not None:
        made = tape.producer(earlier)
        alone = len(tape.users[earlier]) == 1 and earlier not in blamed.right
        if made is None or not alone or earlier in blamed.cotangents.forward:
            break
        operation = made
    return operation


def _turned(blamed: Blamed, operation: Operation) -> int | None:
    """Return the value that an operation turns, scales, lays out anew or adds a penalty to."""
    function = operation.function
    refs = [arg.node for arg in operation.args if type(arg) is Ref]
    wrong = [node for node in refs if blamed.search.scope.carries_error(node)] or refs
    if len(wrong) != 1:
        return None
    if is_in(function, NEGATE) or keeps(operation) or is_in(function, ADD | SUBTRACT):
        return wrong[0]
    size = blamed.search.scope.size
    if is_in(function, MULTIPLY | DIVIDE) and all(size(n) == 1 for n in refs if n not in wrong):
        first = operation.args[0]
        undone = is_in(function, MULTIPLY) or (type(first) is Ref and first.node == wrong[0])
        return wrong[0] if undone else None
    return None
