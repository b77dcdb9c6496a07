#!/usr/bin/env python3
"""scripts/quickstart.sh around a stand-in for cmake and for the engine: what it runs, prints and refuses."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# The stand-in writes two grids and two checkpoints; the later iterations are the ones to name.
ENGINE = """#!/usr/bin/env bash
echo "$*" >>"$(dirname "$0")/arguments"
if [[ $1 == evaluate ]]; then
  [[ $* == *"--steps 0"* ]] && figures=(40.25) || figures=(17.5 6.25e-01)
  printf '{\n  "distances": [\n'
  printf '    {\n      "fd_ref": %s,\n      "other": 1\n    }\n' "${figures[@]}"
  printf '  ]\n}\n'
  exit
fi
[[ $1 != report ]] || exit 0
while (($#)); do [[ $1 == --out ]] && out=$2; shift; done
mkdir -p "$out/samples"
touch "$out/samples/iteration_1000.png" "$out/samples/iteration_400.png"
mkdir -p "$out/checkpoints"
touch "$out/checkpoints/iteration-0000400.h5" "$out/checkpoints/iteration-0001000.h5" "$out/checkpoints/best-on-validation.h5"
"""


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        shutil.copytree(HERE, self.root / "scripts")
        (self.root / "bin").mkdir()
        (self.root / "bin/cmake").symlink_to("/bin/true")
        self.engine = self.root / "build/cpu/tools/mebm_engine"
        self.engine.parent.mkdir(parents=True)
        self.write_engine(ENGINE)
        (self.root / "data").mkdir()

    def write_engine(self, text):
        self.engine.write_text(text)
        self.engine.chmod(0o755)

    def quickstart(self, *arguments, folder="."):
        return subprocess.run(["bash", str(self.root / "scripts/quickstart.sh"), *arguments], cwd=self.root / folder,
                              env={"PATH": f"{self.root / 'bin'}:/usr/bin:/bin"}, capture_output=True, text=True, check=False)

    def train(self, *arguments, **options):
        return self.quickstart("--skip-dependencies", "--data", str(self.root / "data"), *arguments, **options)

    def test_names_the_latest_picture_last(self):
        for n in (1, 2):
            done = self.train()
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.splitlines()
            self.assertEqual(lines[-1], f"p0 | chains | data: runs/quickstart-{n}/samples/iteration_1000.png")
            self.assertEqual(lines[-2], "FD-ref: p0 40.25, chains (buffer) 0.62, new chains 17.50")
            self.assertRegex(lines[-3], r"^build \d+ s, training \d+ s, evaluation \d+ s, report \d+ s, total \d+ s$")

    def test_passes_options(self):
        done = self.train("--iterations", "20", "--out", "here")
        self.assertEqual(done.returncode, 0, done.stderr)
        data = self.root / "data"
        measured = (f"evaluate --checkpoint here/checkpoints/iteration-0001000.h5 --data {data} --metrics fd-ref "
                    "--count 2000 --json --samples fresh")
        self.assertEqual((self.engine.parent / "arguments").read_text().splitlines(),
                         [f"train --recipe fashion-mnist-mebm-k5-small --data {data} --out here --max-iterations 20",
                          measured + " --steps 0", measured + ",buffer", "report here"])

    def test_paths_are_the_callers(self):
        (self.root / "elsewhere").mkdir()
        done = self.train("--out", "run", folder="elsewhere")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.root / "elsewhere/run/samples/iteration_400.png").exists())

    def test_refusals(self):
        (self.root / "full").mkdir()
        (self.root / "full/run.log").touch()
        for arguments, message in ((("--iterations", "0"), "--iterations takes a positive whole number, not '0'"),
                                   (("--out", "full"), "full exists and is not empty"),
                                   (("--out",), "--out needs a value"),
                                   (("--frobnicate",), "no option '--frobnicate'"),
                                   (("--data", "nowhere"), "--data nowhere is not a directory")):
            done = self.train(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn(message, done.stderr)

    def test_a_failed_stage_is_named(self):
        self.write_engine("#!/usr/bin/env bash\necho 'engine: no space' >&2\nexit 1\n")
        done = self.train()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines()[-1], "quickstart: training failed (see above)")

    def test_no_picture_is_a_failure(self):
        self.write_engine("#!/usr/bin/env bash\nexit 0\n")
        done = self.train("--out", "empty")
        self.assertEqual(done.returncode, 1)
        self.assertIn("left no picture under empty/samples", done.stderr)

    def test_no_checkpoint_is_a_failure(self):
        self.write_engine(ENGINE.replace("mkdir -p \"$out/checkpoints\"", "exit"))
        done = self.train("--out", "empty")
        self.assertEqual(done.returncode, 1)
        self.assertIn("left no checkpoint under empty/checkpoints", done.stderr)


if __name__ == "__main__":
    unittest.main()
