"""Checks made by other programs: clang-format and shellcheck."""
import re
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
    places = {}
    for line in found:
        match = re.match(r"(.+?):(\d+):\d+: error:", line)
        if match:
            places.setdefault(match.group(1), []).append(match.group(2))
    if not places:
        return found
    return [tree.Finding(f"{name}:{lines[0]}: {len(lines)} places; run clang-format -i {name}")
            for name, lines in sorted(places.items())]


def check_shell(files):
    """shellcheck has nothing to say about the scripts."""
    return _run(files, "shellcheck", ["--external-sources", "--format=gcc"], files.shell())
