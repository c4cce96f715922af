"""Write ``docs/codes.md`` from the registry of codes: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from backproof.codes import CODES, FAMILIES

PAGE = Path(__file__).with_name("codes.md")

HEAD = """\
# Codes

Every finding has one of these codes. `backproof explain BP101` prints the page of one. `--select`
and `--ignore` take codes or families (`BP1`), and a comment on the line of a finding takes it out
of the report: `# backproof: ignore[BP101]`, or `# backproof: ignore` for all.

The severity is the usual one: a finding may be milder where the evidence is weaker, or where a
wrong gradient explains it.
"""


def text() -> str:
    """Return the page."""
    lines = [HEAD]
    for prefix, family in FAMILIES.items():
        lines += [
            f"## {prefix}xx: {family}",
            "",
            "| code | name | severity | |",
            "|---|---|---|---|",
        ]
        for code in CODES.values():
            if code.code.startswith(prefix):
                link = f"[{code.code}](../src/backproof/explain/{code.code}.md)"
                lines.append(f"| {link} | {code.name} | {code.severity} | {code.meaning} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
