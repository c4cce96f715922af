"""Write the tables of `performance.md`, and its plot, from the benchmark's results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "benchmarks" / "results" / "nn.json"
PAGE = HERE / "performance.md"
BEGIN, END = "<!-- tables: written by refresh_performance.py -->", "<!-- end of the tables -->"
TITLES = {
    "compiled": "**backproof, compiled**",
    "numpy": "backproof, NumPy",
    "seed": "the seed's own code",
    "sklearn": "scikit-learn MLPClassifier",
    "torch": "PyTorch, eager",
    "jax": "JAX, jitted loop",
    "floor": "C kernel for exactly this size",
    "gemm": "the products alone, at the sgemm rate",
}


def main() -> None:
    """Write them."""
    results = json.loads(RESULTS.read_text())
    tables = [table(value) for key, value in results.items() if "threads" in key]
    tables.append(machine(results["machine"]))
    if "growth" in results:
        plot(results["growth"])
        tables.insert(-1, growth(results["growth"]))
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(tables) + f"\n\n{END}{after}")


def table(outcome: dict[str, Any]) -> str:
    """One piece of work."""
    threads = outcome["threads"]
    lines = [
        f"### {outcome['work']['title']}",
        "",
        f"{threads} thread{'s' if threads > 1 else ''}, {outcome['rounds']} rounds, "
        f"load of the machine at the start {outcome['load']:.1f}.",
        "",
        "| | median, ms | least, ms | time / ours, median of rounds | range | least / our least "
        "| aim | import, s | first fit, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in outcome["rows"]:
        aim = row["aim"]
        lines.append(
            f"| {TITLES[row['contestant']]} | {1e3 * row['median_s']:,.1f} "
            f"| {1e3 * row['least_s']:,.1f} | {row['ratio']:.2f} "
            f"| {row['ratio_least']:.2f} – {row['ratio_greatest']:.2f} "
            f"| {row['ratio_of_least']:.2f} | {'' if aim is None else f'≥ {aim:g}'} "
            f"| {row['import_s']:.1f} | {first(row)} |"
        )
    return "\n".join(lines)


def first(row: dict[str, Any]) -> str:
    """Seconds of the first fit, with ours also where nothing was compiled before."""
    cold = row["cold_first_fit_s"]
    return f"{row['first_fit_s']:.2f}" + (f" ({cold:.1f} once per machine)" if cold else "")


def machine(found: dict[str, Any]) -> str:
    """What it was measured on."""
    versions = ", ".join(f"{k} {v}" for k, v in found.items() if k not in ("cpu", "cores"))
    return f"Measured on {found['cores']} cores of {found['cpu']}, shared with others; {versions}."


def growth(found: dict[str, Any]) -> str:
    """Nanoseconds a sample, by number of samples."""
    points = found["points"]
    lines = [
        "### Growth",
        "",
        "One epoch, 20 inputs, [16], batches of 1,000, Adam, float32; checks of the data included.",
        "",
        "| samples | " + " | ".join(f"{TITLES[name]}, ns a sample" for name in points) + " |",
        "|---:|" + "---:|" * len(points),
    ]
    for rows in zip(*points.values(), strict=True):
        cells = " | ".join(f"{1e9 * seconds / n:,.0f}" for n, seconds in rows)
        lines.append(f"| {rows[0][0]:,} | {cells} |")
    lines += ["", "![Seconds of an epoch by number of samples](images/growth.png)"]
    return "\n".join(lines)


def plot(found: dict[str, Any]) -> None:
    """Seconds of an epoch by number of samples."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, points in found["points"].items():
        axes.loglog(*zip(*points, strict=True), "o-", label=TITLES[name].strip("*"))
    n, seconds = found["points"]["numpy"][-1]
    axes.loglog([1e4, n], [seconds * 1e4 / n, seconds], ":", color="gray", label="linear")
    axes.set(xlabel="samples", ylabel="seconds of an epoch")
    axes.legend()
    figure.savefig(HERE / "images" / "growth.png", dpi=120)


if __name__ == "__main__":
    main()
