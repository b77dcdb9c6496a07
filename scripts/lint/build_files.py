"""CMake lists say what is built, file by file."""
import pathlib
import re

import tree

GLOB = re.compile(r"\bfile\s*\(\s*GLOB[^)]*\)", re.IGNORECASE)


def check_no_globs(files):
    """Source lists are explicit; recipes are data and may be globbed."""
    return [tree.Finding(f"{name}:{line}: list the sources instead of globbing")
            for name in files.cmake() for line, match in tree.matches(files.text(name), GLOB)
            if not re.search(r"\*\.toml", match.group(0))]


def _lists(files, name):
    """The CMakeLists.txt files that may name a source: its folder's and those above, and cmake/."""
    folders = [folder.as_posix() for folder in pathlib.PurePosixPath(name).parents]
    return [other for other in files.cmake()
            if pathlib.PurePosixPath(other).parent.as_posix() in folders or other.startswith("cmake/")]


def check_sources_listed(files):
    """Every source file is named by a CMakeLists.txt; one that is not is never compiled."""
    found = []
    for name in files.code():
        if name.endswith(tree.HEADERS):
            continue
        base = re.escape(pathlib.PurePosixPath(name).name)
        stem = re.escape(pathlib.PurePosixPath(name).stem)
        named = re.compile(rf"(?<![\w-])(?:{base}|{stem}(?=[\s)]))")
        if not any(named.search(files.text(other)) for other in _lists(files, name)):
            found.append(tree.Finding(f"{name}: no CMakeLists.txt of its folder or above names it"))
    return found
