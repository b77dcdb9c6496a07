#!/usr/bin/env python3
"""scripts/gpu_check.sh and scripts/launch.sh around stand-ins: what they run, record, count and refuse."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
DATE = "2026-01-01T00:00:0{}Z"
# Each training run writes a checkpoint: digest, text, date; SEED changes its text.
ENGINE = """#!/usr/bin/env bash
folder=$(dirname "$0")
echo "$*" >>"$folder/arguments"
for absent in ${ABSENT:-}; do [[ $1 == "$absent" ]] && { echo "no command $1" >&2; exit 2; }; done
[[ $1 != "${SLOW:-}" || $2 == --help ]] || sleep 30
[[ " $* " != *" --help "* ]] || exit 0
[[ $1 != "${BROKEN:-}" ]] || { echo "mebm_engine: out of memory" >&2; exit 1; }
while (($#)); do case $1 in --out) out=$2 ;; --quick) quick=1 ;; esac; shift; done
if [[ -n ${MEBM_LAUNCH:-} ]]; then read -ra launch <<<"$MEBM_LAUNCH"; exec "${launch[@]}" true; fi
if [[ ${out:-} == */first || ${out:-} == */second ]]; then
  mkdir -p "$out/checkpoints"
  head -c 24 /dev/zero >"$out/checkpoints/iteration-0000006.h5"
  printf '%s' "$out" | sha256sum | head -c 32 >>"$out/checkpoints/iteration-0000006.h5"
  n=1; [[ $out != */second ]] || n=2
  text=weights; [[ -z ${DIFFERENT:-} || $n == 1 ]] || text=Weights
  printf '%s 2026-01-01T00:00:0%dZ end' "$text" "$n" >>"$out/checkpoints/iteration-0000006.h5"
fi
echo "{}"
"""
LIBRARIES = """#!/usr/bin/env bash
echo "[  PASSED  ] ${PASSED:-12} tests."
[[ -z ${SKIPPED:-} ]] || echo "[  SKIPPED ] $SKIPPED tests, listed below:"
"""
SANITIZER = """#!/usr/bin/env bash
case " $* " in
  *" ${REFUSES:-none} "*) echo "========= Error: Device not supported"; exit 255 ;;
  *" ${FINDS:-none} "*) echo "========= ERROR SUMMARY: 3 errors" ;;
  *" racecheck "*) echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)" ;;
  *) echo "========= ERROR SUMMARY: 0 errors" ;;
esac
"""
STEPS = ("card", "selftest", "libraries", "memcheck", "racecheck", "initcheck", "synccheck", "data", "init",
         "train_first", "train_second", "bit_equality", "bench_step", "bench_kernels")


class Archive(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "scripts").mkdir()
        shutil.copy(HERE / "gpu_check.sh", self.root / "scripts")
        self.write("bin/mebm_engine", ENGINE)
        self.write("bin/cuda_libraries_test", LIBRARIES)
        self.write("tools/nvidia-smi", "#!/usr/bin/env bash\necho 'GPU 0: a card'\n")
        self.write("tools/compute-sanitizer", SANITIZER)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def check(self, *arguments, out="results", **environment):
        if out:
            arguments = ("--out", out, *arguments)
        return subprocess.run(["bash", str(self.root / "scripts/gpu_check.sh"), *arguments], cwd=self.root,
                              env={"PATH": f"{self.root / 'tools'}:/usr/bin:/bin", **environment},
                              capture_output=True, text=True, check=False)

    def summary(self, out="results"):
        """-> {step: (result, note)}"""
        lines = (self.root / out / "summary.txt").read_text().splitlines()
        rows = [[part.strip() for part in line.split("|", 3)] for line in lines[1:-1]]
        return {row[0]: (row[1], row[3]) for row in rows}


class GpuCheck(Archive):
    def test_everything_passes(self):
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "14 passed, 0 failed, 0 skipped")
        self.assertEqual(tuple(self.summary()), STEPS)
        for step in STEPS:
            self.assertTrue((self.root / "results" / f"{step}.log").exists(), step)
        self.assertEqual((self.root / "results/bench_step.json").read_text(), "{}\n")
        self.assertEqual(self.summary()["bit_equality"][1], "equal but for digest and date")
        ran = (self.root / "bin/arguments").read_text()
        self.assertIn("train --recipe cifar10-mjem-k5 --max-iterations 20 --set buffer.size=1000 --data ", ran)
        self.assertIn("--device cuda --out ", ran)
        self.assertIn("selftest --device cuda\n", ran)

    def test_quick_on_given_data(self):
        done = self.check("--quick", "--data", "tools", "--device", "cuda:1")
        self.assertEqual(done.stdout.splitlines()[-1], "11 passed, 0 failed, 3 skipped", done.stderr)
        ran = (self.root / "bin/arguments").read_text()
        self.assertIn("train --recipe fashion-mnist-mjem-k5-small ", ran)
        self.assertIn("selftest --device cuda:1 --quick\n", ran)
        self.assertEqual(self.summary()["bench_step"], ("skipped", "left out by --quick"))

    def test_synthetic_images_have_the_layout(self):
        self.write("bin/mebm_engine", ENGINE.replace('echo "{}"', '[[ -z ${data:-} ]] || ls -l "$data"/*; echo "{}"')
                   .replace("--out) out=$2 ;;", "--out) out=$2 ;; --data) data=$2 ;;"))
        self.check("--quick")
        listing = (self.root / "results/init.log").read_text()
        self.assertEqual(len(re.findall(r"\b30730000\b.*(?:data_batch_[1-5]|test_batch)\.bin", listing)), 6)

    def test_a_difference_is_a_failure(self):
        done = self.check("--quick", "--data", "tools", DIFFERENT="1")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.summary()["bit_equality"], ("failed", "exit status 1: 1 bytes differ, the first at 57"))

    def test_sanitizers(self):
        self.check("--quick", "--data", "tools", FINDS="memcheck", REFUSES="racecheck")
        rows = self.summary()
        self.assertEqual(rows["memcheck"], ("failed", "ERROR SUMMARY: 3 errors"))
        self.assertEqual(rows["racecheck"], ("not available", "no verdict: Error: Device not supported"))
        self.assertEqual(rows["initcheck"][0], "passed")
        # What the engine says is no refusal of the sanitizer's.
        self.write("tools/compute-sanitizer", SANITIZER.replace("case", "echo 'fp64: not supported'\ncase", 1))
        self.check("--quick", "--data", "tools", out="talkative", FINDS="synccheck")
        self.assertEqual(self.summary("talkative")["memcheck"][0], "passed")
        self.assertEqual(self.summary("talkative")["synccheck"][0], "failed")
        (self.root / "tools/compute-sanitizer").unlink()
        self.check("--quick", "--data", "tools", out="again")
        self.assertEqual(self.summary("again")["memcheck"][0], "not available")

    def test_absent_commands_are_named(self):
        done = self.check("--data", "tools", ABSENT="selftest bench")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "6 passed, 0 failed, 8 skipped")
        self.assertEqual(self.summary()["selftest"], ("not available", "this engine has no command selftest"))
        self.assertEqual(self.summary()["bench_step"], ("not available", "this engine has no command bench step"))

    def test_failures_say_why(self):
        done = self.check("--quick", "--data", "tools", BROKEN="train")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.summary()["train_first"], ("failed", "exit status 1: mebm_engine: out of memory"))
        self.assertEqual(self.summary()["bit_equality"][0], "skipped")

    def test_cases_that_all_skip_are_no_success(self):
        self.check("--quick", "--data", "tools", PASSED="0", SKIPPED="12")
        self.assertEqual(self.summary()["libraries"], ("failed", "0 cases passed, 12 skipped themselves"))

    def test_a_step_over_its_limit_is_ended(self):
        script = self.root / "scripts/gpu_check.sh"
        script.write_text(re.sub(r"(init +\|.*\|) 30 \| 30", r"\1 30 | 1", script.read_text()))
        self.check("--quick", "--data", "tools", SLOW="fit-init")
        self.assertEqual(self.summary()["init"], ("failed", "did not end within 1 s"))

    def test_without_a_gpu(self):
        (self.root / "tools/nvidia-smi").unlink()
        self.refused("no nvidia-smi on PATH")
        done = self.check("--quick", "--data", "tools", "--device", "cpu")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.summary()["selftest"][0], "skipped")
        self.assertEqual(self.summary()["bit_equality"][0], "passed")

    def refused(self, message, *arguments, **environment):
        done = self.check(*arguments, **environment)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(message, done.stderr)

    def test_refusals(self):
        (self.root / "full").mkdir()
        (self.root / "full/file").touch()
        self.refused("full exists and is not empty", out="full")
        self.refused("no option '--frobnicate'", "--frobnicate")
        self.refused("--data needs a value", "--data")
        self.refused("--data nowhere is not a directory", "--data", "nowhere")
        self.refused("--device takes cuda, cuda:<index> or cpu, not 'gpu'", "--device", "gpu")
        self.refused("the engine does not start: no command --version", ABSENT="--version")
        self.write("tools/nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")
        self.refused("nvidia-smi lists no GPU")
        self.assertFalse((self.root / "results").exists())

    def test_its_limits_stay_within_nine_minutes(self):
        done = self.check("--help", out="")
        self.assertEqual(done.returncode, 0)
        self.assertLessEqual(int(re.search(r"at most (\d+) s;", done.stdout).group(1)), 540)


class Launcher(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ("bin", "libexec", "lib/compiler", "tools"):
            (self.root / folder).mkdir(parents=True)
        shutil.copy(HERE / "launch.sh", self.root / "bin/program")

    def write_program(self, trace, text="echo ran $* with ${LD_LIBRARY_PATH:-none}"):
        """A program of which ldd says what `trace` prints."""
        for name, lines in (("libexec/program", f"# libcudart.so.13\n{text}"), ("tools/ldd", trace)):
            path = self.root / name
            path.write_text(f"#!/usr/bin/env bash\n{lines}\n")
            path.chmod(0o755)

    def write_python(self, folder):
        path = self.root / "tools/python3"
        path.write_text(f"#!/usr/bin/env bash\necho {folder}\n")
        path.chmod(0o755)

    def launch(self, *arguments, **environment):
        return subprocess.run([str(self.root / "bin/program"), *arguments],
                              env={"PATH": f"{self.root / 'tools'}:/usr/bin:/bin", **environment},
                              capture_output=True, text=True, check=False)

    def test_a_complete_program_runs_unchanged(self):
        self.write_program("printf '\\tlibc.so.6 => /lib/libc.so.6 (0x0)\\n'")
        done = self.launch("a", "b c")
        self.assertEqual((done.returncode, done.stdout), (0, "ran a b c with none\n"), done.stderr)
        self.assertEqual(self.launch(MEBM_LAUNCH="env LD_LIBRARY_PATH=/x").stdout, "ran with /x\n")

    def test_finds_cuda_in_python_packages(self):
        self.write_python("/site/nvidia/cudnn/lib")
        self.write_program("[[ $LD_LIBRARY_PATH == */site/nvidia/cudnn/lib* ]] || printf '\\tlibcudnn.so.9 => not found\\n'")
        done = self.launch(LD_LIBRARY_PATH="/mine")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"with /mine:.*/site/nvidia/cudnn/lib$")

    def test_an_old_run_time_is_replaced(self):
        self.write_program("[[ $LD_LIBRARY_PATH == */lib/compiler* ]] || "
                           "echo \"program: libstdc++.so.6: version \\`GLIBCXX_3.4.30' not found (required by program)\"")
        done = self.launch()
        self.assertRegex(done.stdout, r"with \S*/lib/compiler$", done.stderr)

    def refused(self, *parts):
        self.write_python("")
        done = self.launch()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_refusals_name_what_to_install(self):
        self.write_program("printf '\\tlibcudnn.so.9 => not found\\n\\tlibcublas.so.13 => not found\\n'")
        self.refused("program: missing libcublas.so.13, libcudnn.so.9; ", "pip install nvidia-cublas nvidia-cudnn-cu13")
        self.write_program("printf '\\tlibodd.so.1 => not found\\n'")
        self.refused("missing libodd.so.1", "install them")
        self.write_program("echo \"program: libc.so.6: version \\`GLIBC_2.36' not found (required by program)\"")
        self.refused("glibc of this system is too old: 2.36 is needed")
        os.remove(self.root / "libexec/program")
        self.refused("unpack the archive again")


if __name__ == "__main__":
    unittest.main()
