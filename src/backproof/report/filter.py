"""Which findings are shown: ``--select``, ``--ignore`` and comments in the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from backproof.codes import UnknownCode, parse
from backproof.finding import Finding, Report
from backproof.source import SourceFile

#: ``# backproof: ignore`` or ``# backproof: ignore[BP101, BP105]``, alone or behind other words.
_COMMENT = re.compile(r"#.*?\bbackproof:\s*ignore(?![\w-])(?:\s*\[(?P<codes>[^\]]*)\])?")


def filtered(
    report: Report, *, select: frozenset[str] | None = None, ignore: frozenset[str] = frozenset()
) -> Report:
    """Return a report without the findings that the user does not want to see.

    Parameters
    ----------
    report : Report
    select : frozenset of str, optional
        Keep only these codes.
    ignore : frozenset of str
        Leave these codes out.

    Returns
    -------
    Report
        `ignored` counts what comments in the source took out.
    """
    kept: list[Finding] = []
    warnings = list(report.warnings)
    ignored = 0
    files: dict[str, SourceFile] = {}
    for finding in report.findings:
        if (select is not None and finding.code not in select) or finding.code in ignore:
            continue
        path = finding.file
        file = files.setdefault(path, SourceFile(path, report.sources.get(path, "")))
        if _is_ignored(finding, file):
            ignored += 1
        else:
            kept.append(finding)
    warnings.extend(_mistaken(report.sources))
    return replace(report, findings=tuple(kept), warnings=tuple(warnings), ignored=ignored)


def _is_ignored(finding: Finding, file: SourceFile) -> bool:
    for number in range(finding.span.line, finding.span.end_line + 1):
        match = _COMMENT.search(file.line(number))
        if match is None:
            continue
        if match["codes"] is None:
            return True
        try:
            if finding.code in parse(match["codes"]):
                return True
        except UnknownCode:
            continue
    return False


def _mistaken(sources: dict[str, str]) -> Iterator[str]:
    """Yield a line for each comment that names a code that does not exist."""
    for path, text in sources.items():
        if "backproof:" not in text:
            continue
        file = SourceFile(path, text)
        for number, line in enumerate(file.lines, 1):
            match = _COMMENT.search(line)
            if match is None or match["codes"] is None:
                continue
            try:
                parse(match["codes"])
            except UnknownCode as error:
                name = path.replace("\\", "/").rpartition("/")[2]
                yield f"{name}:{number}: {error} (nothing is ignored here)"
