#!/usr/bin/env python3
"""scripts/dependencies.sh with every outside program replaced: what it says, what it runs, how it exits."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent / "dependencies.sh"
# What a bare system has: the script may use these of coreutils and bash, and no more.
TOOLS = ("bash", "env", "mktemp", "rm", "tail", "sleep", "cat")


class Dependencies(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for tool in TOOLS:
            (self.folder / tool).symlink_to(shutil.which(tool))

    def program(self, name, text):
        path = self.folder / name
        path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
        path.chmod(0o755)

    def debian(self, installed):
        """A system whose packages are the words of a file, and whose apt-get adds to it."""
        self.state = self.folder / "installed"
        self.state.write_text(" ".join(installed) + " ")
        self.log = self.folder / "apt.log"
        self.program("dpkg-query", f'[[ $(<{self.state}) == *"${{@: -1}} "* ]] && echo -n installed')
        self.program("apt-get", f'echo "$*" >>{self.log}\nfor word; do echo -n "$word " >>{self.state}; done')

    def run_script(self, *arguments, as_root=True):
        script = SCRIPT.read_text().replace("((EUID != 0))", "((0))" if as_root else "((1))")
        copy = self.folder / "dependencies.sh"
        copy.write_text(script)
        return subprocess.run([shutil.which("bash"), str(copy), *arguments], env={"PATH": str(self.folder)},
                              capture_output=True, text=True, check=False)

    def test_all_present_installs_nothing(self):
        listed = subprocess.run(["bash", str(SCRIPT), "list"], capture_output=True, text=True, check=True).stdout
        self.debian([line.split()[0] for line in listed.splitlines()])
        done = self.run_script("install")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "dependencies: all present, nothing to install\n", ""))
        self.assertFalse(self.log.exists())
        self.assertEqual(self.run_script("check").returncode, 0)

    def test_missing_are_named_and_installed(self):
        self.debian(["libgtest-dev", "libbenchmark-dev", "python3"])
        done = self.run_script("check", "test")
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line.split()[1] for line in done.stdout.splitlines()], ["libgmock-dev"])
        done = self.run_script("install", "test")
        self.assertEqual((done.returncode, done.stdout), (0, "dependencies: installing libgmock-dev\n"))
        self.assertIn("install --no-install-recommends libgmock-dev", self.log.read_text())
        self.assertNotIn("update", self.log.read_text())

    def test_without_root_prints_one_line(self):
        self.debian([])
        done = self.run_script("install", "data", as_root=False)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout,
                         "apt-get update && apt-get install -y --no-install-recommends dataset-fashion-mnist\n")
        self.assertFalse(self.log.exists())

    def test_stale_lists_are_refreshed_once(self):
        self.debian([])
        self.program("apt-get", f'echo "$*" >>{self.log}\n[[ $* == *update* ]] && {{ echo >{self.folder}/fresh; exit 0; }}\n'
                                f'[[ -e {self.folder}/fresh ]] || exit 100\nfor word; do echo -n "$word " >>{self.state}; done')
        done = self.run_script("install", "data")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line.split()[-1] for line in self.log.read_text().splitlines()],
                         ["dataset-fashion-mnist", "update", "dataset-fashion-mnist"])

    def test_apt_that_fails_is_exit_1(self):
        self.debian([])
        self.program("apt-get", "echo no route >&2; exit 100")
        (self.folder / "sleep").unlink()
        self.program("sleep", "exit 0")
        done = self.run_script("install", "data")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get could not install: dataset-fashion-mnist", done.stderr)

    def test_other_systems_get_the_list(self):
        done = self.run_script("install")
        self.assertEqual(done.returncode, 2)
        for text in ("oneDNN 2.6", "HDF5 1.10", "GoogleTest 1.12", "--skip-dependencies"):
            self.assertIn(text, done.stderr)

    def test_unknown_words(self):
        for arguments, message in ((("install", "everything"), "no group 'everything'"), (("remove",), "no command 'remove'")):
            done = self.run_script(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
