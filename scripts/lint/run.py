#!/usr/bin/env python3
"""Run every check of this folder over a source tree.

usage: run.py [ROOT]     (default: the checkout this file is in)

Prints one line per check, then its findings, and as the last line "lint: N passed, N failed".
Exit status 1 where a check found something.
"""
import pathlib
import sys

import build_files
import devices
import includes
import layout
import outside
import sizes
import tree
import words

CHECKS = (
    outside.check_format,
    outside.check_shell,
    includes.check_includes,
    includes.check_pragma_once,
    devices.check_launches,
    devices.check_device_conditions,
    devices.check_environment,
    devices.check_no_solver,
    sizes.check_file_sizes,
    sizes.check_function_sizes,
    words.check_words,
    build_files.check_no_globs,
    build_files.check_sources_listed,
    layout.check_ops,
    layout.check_emulated_cases,
    layout.check_documented_table,
)


def main(root):
    files = tree.Tree(root)
    failed = 0
    for check in CHECKS:
        found = check(files)
        failed += bool(found)
        print(f"{'FAILED' if found else 'ok':6} {check.__name__.removeprefix('check_')}")
        for finding in found:
            print(f"       {finding}")
    for warning in sizes.warnings(files):
        print(f"warning {warning}")
    print(f"lint: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) > 2 or "--help" in sys.argv:
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else here))
