"""Another argument of a call of the user's own functions, for all that it runs at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.claims import called, is_name, operand_texts
from backproof.checks.edits.edit import Edit
from backproof.checks.scope import Scope
from backproof.trace.tape import Operation, Ref, map_refs

#: Another argument of a call is less likely a slip than the same exchange in the function.
CALL = 1.5
#: Arguments of a call above which it is left alone.
MOST_ENTERING = 8


def other_arguments(
    calls: Sequence[list[Operation]], scope: Scope, forward: set[int], given: Sequence[str]
) -> Iterator[Edit]:
    """Yield the exchanges of what enters the calls of one site.

    Parameters
    ----------
    calls : sequence of list of Operation
        The operations of each call.
    forward : set of int
        The nodes of the forward pass.
    given : sequence of str
        The texts of the arguments: what a method reads of its object is none of them.
    """
    first = calls[0]
    made = {o.out for o in first}
    entering = dict.fromkeys(
        n for o in first for n in o.inputs
        if n not in made and is_differentiable(scope.run.env[n]) and scope.ndim(n)
    )  # fmt: skip
    if len(entering) > MOST_ENTERING:
        return
    given_as = {text.partition("=")[2] or text for text in given}
    # A tuple of caches has a name of its own: what is in it is none of the arguments.
    plain = all(is_name(text) or text[:1] in "'\"" or _is_number(text) for text in given_as)
    number_of = {o.index: k for k, call in enumerate(calls) for o in call}
    for distance in (1, -1):
        yield Edit(
            "wrong-operand", "values of another layer or step are passed here",
            f"pass the values of the {'next' if distance > 0 else 'previous'} one",
            _Shift(scope, forward, distance), 1.5,
        )  # fmt: skip
    for own in entering:
        used = scope.name_of(own)
        if used.startswith("self.") and used not in given and _is_held(first, own):
            continue
        for other in scope.alternatives(own, first[0].index):
            right = scope.name_of(other)
            kept = scope.held_as(own), scope.held_as(other)
            if kept[0] in given_as and kept[1] is not None:
                used, right = str(kept[0]), kept[1]
            cause = "mutated-value" if scope.is_version(own, other) else "wrong-operand"
            if used == right:
                right = f"{right} of another layer or step"
            # What the function is given anyway, it might have used itself.
            likely = right not in given and (scope.is_named(other) or is_name(right))
            likely = likely and (not plain or bool(given_as & {*called(scope.tape, own), used}))
            price = CALL if likely else 3.0
            for sense in scope.senses(other):
                yield Edit(
                    cause, f"`{used}` is passed where `{right}` is meant",
                    f"pass `{right}` in place of `{used}`",
                    _Argument(scope, calls, number_of, own, other, sense), price, used, right,
                )  # fmt: skip


def _is_held(call: Sequence[Operation], node: int) -> bool:
    """Whether a method reads a value of its object, wherever it reads it."""
    texts = [
        text for o in call
        for text, arg in zip(operand_texts(o), o.args, strict=False)
        if type(arg) is Ref and arg.node == node
    ]  # fmt: skip
    return all(text.startswith("self.") for text in texts)


def _is_number(text: str) -> bool:
    return text.replace(".", "").isdecimal()


class _Argument:
    """Takes another value for one that enters the calls of a site."""

    def __init__(
        self, scope: Scope, calls: Sequence[list[Operation]], number_of: dict[int, int], own: int,
        other: int, sense: int,
    ) -> None:  # fmt: skip
        self.scope = scope
        self.number_of = number_of
        self.swaps: list[tuple[int, int] | None] = []
        family, _ = scope.place(own)
        for call in calls:
            entering = [n for o in call for n in o.inputs if scope.is_of(n, family)]
            there = own if own in entering else (entering[0] if entering else None)
            found = None if there is None else scope.counterpart(own, other, there, sense)
            if there is None or found is None or scope.made_after(found, call[0].index):
                self.swaps.append(None)
            else:
                self.swaps.append((there, found))

    def __call__(self, operation: Operation, _: int) -> Operation | None:
        swap = self.swaps[self.number_of[operation.index]]
        if swap is None or swap[0] not in operation.inputs:
            return None
        own, other = swap
        convert = lambda ref: Ref(other) if ref.node == own else ref  # noqa: E731
        return replace(
            operation,
            args=tuple(map_refs(list(operation.args), convert)),
            kwargs=map_refs(operation.kwargs, convert),
            inputs=tuple(other if n == own else n for n in operation.inputs),
        )


class _Shift:
    """Takes for every forward value that a call reads the next or previous one of its family."""

    def __init__(self, scope: Scope, forward: set[int], distance: int) -> None:
        self.scope = scope
        self.forward = forward
        self.distance = distance

    def __call__(self, operation: Operation, _: int) -> Operation | None:
        shifted: dict[int, int] = {}
        for node in operation.inputs:
            if node in self.forward:
                other = self.scope.neighbour(node, self.distance)
                if other is not None and not self.scope.made_after(other, operation.index):
                    shifted[node] = other
        if not shifted:
            return None
        convert = lambda ref: Ref(shifted.get(ref.node, ref.node))  # noqa: E731
        return replace(
            operation,
            args=tuple(map_refs(list(operation.args), convert)),
            kwargs=map_refs(operation.kwargs, convert),
            inputs=tuple(shifted.get(n, n) for n in operation.inputs),
        )
