"""Lines that are too long for a report."""

from backproof.report.snippet import alike


def test_what_differs_is_shown_of_long_lines():
    line = "x = " + " + ".join(f"term{i}" for i in range(40))
    shown = alike([line, line + " / n"], 60)
    assert shown[0].startswith("…")
    assert shown[1] == shown[0] + " / n"
    assert max(map(len, shown)) <= 60


def test_lines_that_fit_and_single_ones_stand_as_they_are():
    assert alike(["a = b", "a = b * c"], 60) == ["a = b", "a = b * c"]
    assert alike(["a" * 80], 60) == ["a" * 59 + "…"]
