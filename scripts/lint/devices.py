"""Device code stays where it belongs: launches, conditional compilation, solver libraries, the environment."""
import pathlib
import re
import subprocess

import tree

LAUNCH = re.compile(r"<<<")
DEVICE_MACRO = re.compile(
    r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b[^\n]*\b(__CUDA\w*|__NVCC__|__HIP\w*|MEBM_\w*(?:CUDA|GPU|NCCL|CUDNN)\w*)",
    re.MULTILINE)
SOLVER = re.compile(r"cusolver", re.IGNORECASE)
ENVIRONMENT = re.compile(r"\b(?:std::)?(?:secure_)?getenv\b|(?<![\w.>])(?:std::)?(?:quick_)?exit[ \t]*\(")


def check_launches(files):
    """Kernels are launched through kernels/compat's launch(), which checks every launch."""
    return [tree.Finding(f"{name}:{line}: launch kernels through kernels/compat, not with <<<")
            for name in files.code() if not name.startswith("kernels/compat/")
            for line, _ in tree.matches(files.bare(name), LAUNCH)]


def check_device_conditions(files):
    """A missing backend is a stub file; only kernels/compat compiles conditionally."""
    return [tree.Finding(f"{name}:{line}: {match.group(1)} is tested here; only kernels/compat may "
                         "(give the missing backend a stub file)")
            for name in files.code() if not name.startswith("kernels/compat/")
            for line, match in tree.matches(files.bare(name), DEVICE_MACRO)]


def check_environment(files):
    """Below tools/ nothing reads the environment or ends the process."""
    return [tree.Finding(f"{name}:{line}: {match.group(0).strip('(')} below tools/; pass values in, throw errors out")
            for name in files.code() if not name.startswith(("tools/", "tests/", "bench/", "examples/"))
            for line, match in tree.matches(files.bare(name), ENVIRONMENT)]


def _programs(files):
    return sorted(path for path in pathlib.Path(files.root).glob("build/*/tools/mebm_engine") if path.is_file())


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def check_no_solver(files):
    """No source, no build file and no built program names cuSOLVER."""
    found = []
    for name in files.code() + files.cmake():
        text = files.bare(name) if name.endswith(tree.CODE) else re.sub(r"#[^\n]*", "", files.text(name))
        if name.endswith(tree.CODE):
            text += "\n".join(match.group(0) for match in re.finditer(r"#[ \t]*include[^\n]*", files.text(name)))
        if SOLVER.search(text):
            found.append(tree.Finding(f"{name}: names cuSOLVER; factor with the blocked Cholesky instead"))
    for program in _programs(files):
        if SOLVER.search(_output("ldd", str(program)) + _output("nm", "-DC", str(program))):
            found.append(tree.Finding(f"{program}: links cuSOLVER"))
    return found
