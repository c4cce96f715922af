"""The verdict on the gradients: one sentence, and a table where something is not verified."""

from __future__ import annotations

from rich.cells import cell_len

from backproof.finding import GradientReport
from backproof.report.text import Line, count, cropped, short, wrapped

#: Rows shown without ``--verbose``; verified ones are left out first.
MOST_ROWS = 16
#: Cells that the name of a parameter, and its gradient, may take.
NAME, GRADIENT = 28, 30

_ORDER = {"wrong": 0, "unverified": 1, "verified": 2}


def sentence(gradient: GradientReport, *, ended: bool = True, uphill: bool = False) -> str:
    """Say how many gradients are right, and of which cost.

    Parameters
    ----------
    ended : bool
        The program came to its end.
    uphill : bool
        Updates go up the cost: their gradients are right but for the sign.
    """
    parameters = gradient.parameters
    if not parameters and not ended:
        return "nothing was verified: the program ended before a parameter was updated"
    if not parameters:
        return f"nothing was verified: {gradient.reason or 'no parameter was found'}"
    total = len(parameters)
    number = {s: sum(p.status == s for p in parameters) for s in _ORDER}
    if number["verified"] == total:
        text = f"{total} of {count(total, 'parameter')} verified{' up to their sign' * uphill}"
        errors = [p.relative_error for p in parameters if p.relative_error is not None]
        if errors:
            text += f" (worst {short(max(errors))})"
    else:
        parts = [f"{number[s]} {s}" for s in _ORDER if number[s]]
        parts[0] = parts[0].replace(" ", f" of {count(total, 'parameter')} ", 1)
        text = ", ".join(parts)
    return text + _cost(gradient)


def _cost(gradient: GradientReport) -> str:
    if gradient.cost_expression is None or all(
        p.status == "unverified" for p in gradient.parameters
    ):
        return ""
    line = f" (line {gradient.cost_line})" if gradient.cost_line else ""
    return f", as gradients of the cost `{cropped(gradient.cost_expression, 60)}`{line}"


def table(gradient: GradientReport, *, width: int, verbose: bool) -> list[Line]:
    """List the parameters with their verdicts, those that need attention first.

    Parameters
    ----------
    width : int
        Cells a line may take.
    verbose : bool
        Show every parameter, in the program's order.
    """
    parameters = list(gradient.parameters)
    rest = []
    if not verbose:
        parameters.sort(key=lambda p: _ORDER[p.status])
        parameters, rest = parameters[:MOST_ROWS], parameters[MOST_ROWS:]
    room = max(16, width - 2 - 4 - 2 - 10 - 2 - 14 - 2)
    names = min(NAME, room // 2, max(cell_len(p.name) for p in parameters))
    names = max(names, len("parameter"))
    gradients = min(GRADIENT, room - names, max(cell_len(p.gradient) for p in parameters))
    gradients = max(gradients, len("gradient"))
    head = ("parameter", "gradient", "line", "verdict", "relative error")
    lines: list[Line] = [_row(head, names, gradients, ("head",) * 5)]
    for p, following in zip(parameters, [*parameters[1:], None], strict=True):
        error = "" if p.relative_error is None else short(p.relative_error)
        row = (cropped(p.name, names), cropped(p.gradient, gradients),
               str(p.line) if p.line else "", p.status, error)  # fmt: skip
        lines.append(_row(row, names, gradients, ("", "", "gutter", p.status, "")))
        # A reason that several share is given once, below the last of them.
        if p.reason and (following is None or following.reason != p.reason):
            first: Line = [(" " * 4 + "= ", "gutter")]
            lines += wrapped(p.reason, width=width, first=first, rest=" " * 6)
    if rest:
        kind = "verified" if all(p.status == "verified" for p in rest) else "more"
        lines.append([(f"  … and {len(rest)} {kind} (--verbose lists all)", "gutter")])
    return lines


def _row(cells: tuple[str, ...], names: int, gradients: int, styles: tuple[str, ...]) -> Line:
    widths = (names, gradients, 4, 10, 0)
    line: Line = [("  ", "")]
    for i, (text, size, style) in enumerate(zip(cells, widths, styles, strict=True)):
        gap = " " * max(0, size - cell_len(text))
        line.append((gap + text if i == 2 else text, style))
        line.append(("  " if i == 2 else gap + "  ", ""))
    return line


def verdict(
    gradient: GradientReport, *, width: int, ended: bool = True, uphill: bool = False
) -> list[Line]:  # fmt: skip
    """Return the sentence as lines, coloured by the verdict."""
    style = gradient.status if gradient.parameters else "unverified"
    first: Line = [("gradients: ", f"{style} head")]
    said = sentence(gradient, ended=ended, uphill=uphill)
    return wrapped(said, width=width, first=first, rest=" " * 11)
