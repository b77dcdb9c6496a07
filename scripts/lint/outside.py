"""Checks made by other programs: clang-format and shellcheck."""
import shutil
import subprocess

import tree


def _run(files, program, arguments, names):
    if not names:
        return []
    if not shutil.which(program):
        return [tree.Finding(f"{program} is not installed: scripts/dependencies.sh install develop")]
    done = subprocess.run([program, *arguments, *names], cwd=files.root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [tree.Finding(line) for line in (done.stdout + done.stderr).splitlines() if line.strip()]


def check_format(files):
    """Every source file is as clang-format 14 writes it."""
    found = _run(files, "clang-format", ["--dry-run", "-Werror"], files.code())
    places = [line for line in found if "error:" in line or "not installed" in line]
    return places or found


def check_shell(files):
    """shellcheck has nothing to say about the scripts."""
    return _run(files, "shellcheck", ["--external-sources", "--format=gcc"], files.shell())
