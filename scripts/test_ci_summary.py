#!/usr/bin/env python3
"""What ci_summary.py adds up from a directory of results."""
import contextlib
import io
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import ci_summary

PASSED = '<testsuite><testcase name="A.Good" status="run"/><testcase name="A.Fine" status="run"/></testsuite>'
FAILED = '<testsuite><testcase name="A.Good" status="run"/><testcase name="A.Bad" status="fail"/></testsuite>'


class Summary(unittest.TestCase):
    def setUp(self):
        self.results = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.results)
        self.write("lint.txt", "ok format\nlint: 13 passed, 0 failed\n")
        self.write("tests.xml", PASSED)
        self.write("asan_data.xml", PASSED)

    def write(self, name, text):
        (self.results / name).write_text(text)

    def summary(self, *arguments):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = ci_summary.main([str(self.results), *arguments])
        return status, printed.getvalue().splitlines()[-1]

    def test_everything_passed(self):
        # 13 lint checks, 2 + 2 tests, and the stages dependencies, data, build, smoke and archive.
        self.assertEqual(self.summary("--failed", "--skipped"), (0, "22 passed, 0 failed, 0 skipped"))

    def test_skipped_stages_are_counted(self):
        (self.results / "asan_data.xml").unlink()
        self.assertEqual(self.summary("--failed", "--skipped", "data", "cuda", "sanitizers"), (0, "19 passed, 0 failed, 3 skipped"))

    def test_a_failed_test_is_counted_once(self):
        self.write("tests.xml", FAILED)
        self.assertEqual(self.summary("--failed", "tests", "--skipped"), (1, "21 passed, 1 failed, 0 skipped"))

    def test_a_failed_stage_without_counts_is_one_failure(self):
        self.assertEqual(self.summary("--failed", "smoke", "--skipped"), (1, "21 passed, 1 failed, 0 skipped"))
        (self.results / "asan_data.xml").unlink()
        self.assertEqual(self.summary("--failed", "sanitizers", "--skipped"), (1, "20 passed, 1 failed, 0 skipped"))

    def test_the_cuda_stage_adds_its_own(self):
        self.write("cuda.xml", PASSED)
        self.assertEqual(self.summary("--failed", "--skipped"), (0, "24 passed, 0 failed, 0 skipped"))

    def test_no_test_run_is_a_failure(self):
        (self.results / "tests.xml").unlink()
        self.assertEqual(self.summary("--failed", "--skipped")[0], 1)


if __name__ == "__main__":
    unittest.main()
