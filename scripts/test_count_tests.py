#!/usr/bin/env python3
"""What count_tests.py makes of ctest's reports."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import count_tests

CASES = {
    "passed": '<testcase name="A.Good" status="run"><system-out>ok</system-out></testcase>',
    "failed": '<testcase name="A.Bad" status="fail"><failure message=""/><system-out>\x01</system-out></testcase>',
    "not built": '<testcase name="B_NOT_BUILT" status="notrun"><skipped message="Unable to find executable"/>'
                 "<system-out/></testcase>",
    "skipped": '<testcase name="A.Skip" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
               "<system-out>t.cpp:6: Skipped\nMEBM_DATA has\nno CIFAR\n[  SKIPPED ] A.Skip (0 ms)\n</system-out></testcase>",
    "failed, then skipped": '<testcase name="A.Both" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
                            "<system-out>[  FAILED  ] A.Both\n[  SKIPPED ] A.Both\n</system-out></testcase>",
    "disabled": '<testcase name="A.Off" status="disabled"><system-out>Disabled</system-out></testcase>',
}


def count(*kinds):
    """-> (exit status, printed lines) for a report with these cases."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "tests.xml"
        report.write_text("<testsuite>" + "".join(CASES[kind] for kind in kinds) + "</testsuite>")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = count_tests.main([report])
    return status, printed.getvalue().splitlines()


class Counts(unittest.TestCase):
    def test_all_kinds(self):
        status, lines = count(*CASES)
        self.assertEqual(status, 1)
        self.assertEqual(lines[-1], "1 passed, 3 failed, 2 skipped")
        self.assertIn("skipped: A.Skip: MEBM_DATA has no CIFAR", lines)
        self.assertIn("FAILED: B_NOT_BUILT", lines)
        self.assertIn("FAILED: A.Both", lines)

    def test_passed_and_skipped_is_success(self):
        self.assertEqual(count("passed", "skipped"), (0, ["skipped: A.Skip: MEBM_DATA has no CIFAR",
                                                          "1 passed, 0 failed, 1 skipped"]))

    def test_nothing_run_is_failure(self):
        self.assertEqual(count("skipped")[0], 1)
        self.assertEqual(count(), (1, ["0 passed, 0 failed, 0 skipped"]))


if __name__ == "__main__":
    unittest.main()
