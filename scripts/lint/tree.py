"""What the checks read: the files of a tree, their text with and without comments, and findings."""
import functools
import os
import pathlib
import re
import subprocess

CODE = (".h", ".cpp", ".cu", ".cuh")
HEADERS = (".h", ".cuh")
ROOMS = ("kernels", "engine", "autograd", "models", "data", "metrics", "ebm", "report", "measure", "selftest", "tools", "tests",
         "bench", "examples")

# Comments, string and character literals of C++; digit separators (1'000) are kept out of the last one.
_TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL)


class Finding(str):
    """One line: file[:line]: what is wrong and what to do."""


class Tree:
    """The files under root that git tracks or would track; every file where there is no git."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    @functools.cached_property
    def files(self):
        """Relative POSIX paths, sorted."""
        if (self.root / ".git").exists():
            command = ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
            names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        else:
            names = [os.path.relpath(os.path.join(folder, name), self.root)
                     for folder, _, found in os.walk(self.root) for name in found]
        return sorted({name for name in names if name and (self.root / name).is_file()})

    def code(self):
        return [name for name in self.files if name.endswith(CODE)]

    def cmake(self):
        return [name for name in self.files if name.endswith((".cmake", "CMakeLists.txt"))]

    def python(self):
        return [name for name in self.files if name.endswith(".py")]

    def shell(self):
        return [name for name in self.files
                if name.endswith(".sh") or (name.startswith((".ci/", "scripts/")) and "." not in pathlib.Path(name).name
                                            and self.text(name).startswith("#!/usr/bin/env bash"))]

    @functools.lru_cache(maxsize=None)
    def text(self, name):
        """The file's text; empty for a binary file."""
        content = (self.root / name).read_bytes()
        return "" if b"\0" in content else content.decode("utf-8", errors="replace")

    @functools.lru_cache(maxsize=None)
    def bare(self, name):
        """A C++ file's text with comments and literals blanked; line numbers stay."""
        return _TOKENS.sub(_blank, self.text(name))


def _blank(match):
    token = match.group(0)
    ends = ('"', '"') if token.startswith(('"', "R")) else ("'", "'") if token.startswith("'") else (" ", "")
    return ends[0] + "\n" * token.count("\n") + ends[1]


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def matches(text, pattern):
    """-> (line number, match) of every match of a compiled pattern."""
    return [(line_of(text, match.start()), match) for match in pattern.finditer(text)]
