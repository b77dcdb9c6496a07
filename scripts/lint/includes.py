"""Which folder may include which (docs/architecture.md has the same table), and which library headers where."""
import re

import tree

# Folder -> what its files may include besides their own folder.
ALLOWED = {
    "kernels": (),
    "engine": ("kernels",),
    "autograd": ("engine",),
    "models": ("autograd", "engine/core", "engine/ops"),
    "data": ("engine/core", "engine/io", "engine/ops"),
    "metrics": ("models", "autograd", "engine", "data"),
    "ebm": ("models", "autograd", "engine", "data", "metrics"),
    "report": ("metrics", "data", "engine/core", "engine/io"),
    "measure": ("ebm", "models", "data", "engine"),
    "selftest": ("measure", "ebm", "models", "data", "engine"),
    "tools": ("selftest", "measure", "ebm", "report", "metrics", "models", "data", "engine"),
    "tests": tree.ROOMS,
    "bench": tree.ROOMS,
    "examples": tree.ROOMS,
}
NEVER_INCLUDED = ("tests", "bench", "examples")
ANYWHERE = ("tests", "bench", "examples")

# Library -> (its headers, the folders that may include them besides tests, bench and examples).
LIBRARIES = {
    "CUDA": (r"(cuda|cudnn|cublas|cufft|curand|cusparse|nvtx|nvToolsExt|nvrtc|cooperative_groups|cub/|thrust/)",
             ("kernels", "engine/device", "engine/comm")),
    "NCCL or MPI": (r"(nccl|mpi)\.h", ("engine/comm",)),
    "oneDNN": (r"(oneapi/)?dnnl", ("kernels",)),
    "HDF5": (r"(hdf5|hdf5_hl|H5[A-Za-z]*)\.h", ("engine/io",)),
}
# Headers that cost seconds to compile: only where few files pay for them.
HEAVY = re.compile(r"(CLI/|toml\+\+/|spdlog/|nlohmann/|hdf5|H5[A-Z]|Eigen/|archive)")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def _inside(name, folders):
    return any(name == folder or name.startswith(folder + "/") for folder in folders)


def _room(name):
    return name.split("/", 1)[0]


def _project_include(name, target):
    room, other = _room(name), _room(target)
    if room == other:
        return None
    if other in NEVER_INCLUDED and room not in ANYWHERE:
        return f"{other}/ is never included"
    if not _inside(target, ALLOWED[room]):
        return f"{room}/ may include {', '.join(ALLOWED[room]) or 'nothing of the project'}, not {target}"
    return None


def _library_include(name, target):
    if _room(name) in ANYWHERE:
        return None
    for library, (pattern, folders) in LIBRARIES.items():
        if re.match(pattern, target) and not _inside(name, folders):
            return f"{library} headers belong in {', '.join(folders)}"
    if name.endswith(tree.HEADERS) and HEAVY.match(target):
        return f"<{target}> is costly to compile: include it in a .cpp file"
    return None


def check_includes(files):
    """Every include follows the table, is rooted at the repository and is a library's where that may be."""
    found = []
    for name in files.code():
        if _room(name) not in ALLOWED:
            continue
        for line, match in tree.matches(files.text(name), INCLUDE):
            quote, target = match.groups()
            if _room(target) in tree.ROOMS and "/" in target:
                problem = _project_include(name, target)
            elif quote == '"':
                problem = f'"{target}" is not rooted at the repository (write "engine/core/error.h")'
            else:
                problem = _library_include(name, target)
            if problem:
                found.append(tree.Finding(f"{name}:{line}: {problem}"))
    return found


def check_pragma_once(files):
    """Every header says #pragma once."""
    pragma = re.compile(r"^#pragma once$", re.MULTILINE)
    return [tree.Finding(f"{name}:1: add #pragma once") for name in files.code()
            if name.endswith(tree.HEADERS) and not pragma.search(files.bare(name))]
