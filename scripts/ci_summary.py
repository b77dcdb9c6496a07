#!/usr/bin/env python3
"""Add up what the stages of .ci/run left: ctest reports, the lint's counts, stages that failed or were skipped.

usage: ci_summary.py RESULTS_DIR [--failed STAGE ...] [--skipped STAGE ...]

A failed stage whose own counts hold no failure counts as one. The last line is
"N passed, N failed, N skipped"; exit status 1 where anything failed or no test passed.
"""
import argparse
import pathlib
import re
import sys

import count_tests

# Stage -> the counts it leaves in the results directory; the others count as one check each.
REPORTS = {"tests": "tests.xml", "cuda": "cuda.xml", "sanitizers": "asan_*.xml", "lint": "lint.txt"}
STAGES = ("dependencies", "data", "build", "smoke", "archive", *REPORTS)


def stage_counts(results, stage):
    """-> [passed, failed, skipped] of one stage's reports; zeros where it left none."""
    counts = [0, 0, 0]
    for report in sorted(results.glob(REPORTS.get(stage, ""))) if stage in REPORTS else ():
        if report.suffix == ".txt":
            found = re.search(r"^lint: (\d+) passed, (\d+) failed$", report.read_text(), re.MULTILINE)
            counts = [int(found.group(1)), int(found.group(2)), 0] if found else counts
            continue
        kinds = [outcome for _, outcome, _ in count_tests.outcomes(report)]
        counts = [total + kinds.count(kind) for total, kind in zip(counts, ("passed", "failed", "skipped"))]
    return counts


def total(results, failed, skipped):
    """-> (passed, failed, skipped) over all stages, and the number of tests passed."""
    sums, tests_passed = [0, 0, 0], 0
    for stage in STAGES:
        counts = stage_counts(results, stage)
        if stage == "tests":
            tests_passed = counts[0]
        if stage in failed and not counts[1]:
            counts[1] += 1
        elif stage in skipped:
            counts[2] += 1
        elif stage not in REPORTS:
            counts[0] += 1
        sums = [total + count for total, count in zip(sums, counts)]
    return sums, tests_passed


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--failed", nargs="*", default=[])
    parser.add_argument("--skipped", nargs="*", default=[])
    options = parser.parse_args(arguments)
    for kind, stages in (("failed", options.failed), ("skipped", options.skipped)):
        for stage in stages:
            print(f"stage {kind}: {stage}")
    (passed, failed, skipped), tests_passed = total(options.results, options.failed, options.skipped)
    if not tests_passed and not failed:
        print("no test passed: counted as a failure")
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
