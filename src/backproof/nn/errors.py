"""What training raises.

ArithmeticError
└── DivergenceError     the cost or a gradient left the finite numbers, or the cost exploded
"""

from __future__ import annotations


class DivergenceError(ArithmeticError):
    """Training was stopped because its steps were too large; the last good weights are back.

    Attributes
    ----------
    epoch : int
        Epoch in which it happened, from 1.
    quantity : str
        What overflowed or exploded, in words.
    learning_rate : float
        The step that was taken.
    stable_learning_rate : float or None
        The largest step that gradient descent bears at the restored weights, 2/λ with λ the largest
        eigenvalue of the cost's Hessian. None where the Hessian itself overflows.
    """

    def __init__(
        self,
        message: str,
        *,
        epoch: int,
        quantity: str,
        learning_rate: float,
        stable_learning_rate: float | None,
    ) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.quantity = quantity
        self.learning_rate = learning_rate
        self.stable_learning_rate = stable_learning_rate

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (
            str(self),
            self.epoch,
            self.quantity,
            self.learning_rate,
            self.stable_learning_rate,
        )


def _rebuild(
    message: str, epoch: int, quantity: str, rate: float, stable: float | None
) -> DivergenceError:
    """Make the exception again after pickling (a grid search trains in other processes)."""
    return DivergenceError(
        message,
        epoch=epoch,
        quantity=quantity,
        learning_rate=rate,
        stable_learning_rate=stable,
    )
