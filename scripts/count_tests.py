#!/usr/bin/env python3
"""Count ctest's results from its JUnit reports.

usage: count_tests.py REPORT.xml [REPORT.xml ...]

Prints each skipped test with its reason, each failed test, and as the last line
"N passed, N failed, N skipped". Exit status 1 where a test failed or no test ran.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

# What XML 1.0 cannot hold; a test's output may.
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def skip_reason(output):
    """The text GTEST_SKIP() was given, or the last line the test printed."""
    match = re.search(r"Skipped\n(.+?)(?:\n\n|\n\[|\Z)", output, re.DOTALL)
    if match:
        return " ".join(match.group(1).split())
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason printed"


def is_skipped(case, output):
    """True where the test itself asked to be skipped; one that could not be started has failed."""
    skipped = case.find("skipped")
    asked = skipped is not None and skipped.get("message", "").startswith("SKIP_")
    return case.get("status") == "disabled" or (asked and "[  FAILED  ]" not in output)


def outcomes(report):
    """-> [(name, "passed" | "failed" | "skipped", output)] of one report."""
    text = NOT_XML.sub("?", pathlib.Path(report).read_text(encoding="utf-8", errors="replace"))
    found = []
    for case in ElementTree.fromstring(text).iter("testcase"):
        output = case.findtext("system-out") or ""
        if case.get("status") == "run":
            outcome = "passed"
        elif is_skipped(case, output):
            outcome = "skipped"
        else:
            outcome = "failed"
        found.append((case.get("name"), outcome, output))
    return found


def main(reports):
    results = [result for report in reports for result in outcomes(report)]
    count = {kind: sum(outcome == kind for _, outcome, _ in results) for kind in ("passed", "failed", "skipped")}
    for name, outcome, output in results:
        if outcome == "skipped":
            print(f"skipped: {name}: {skip_reason(output)}")
        elif outcome == "failed":
            print(f"FAILED: {name}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
