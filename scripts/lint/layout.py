"""The op folders and the documented include table are as the documents say."""
import pathlib
import re

import includes
import tree

NOT_OPS = ("compat", "core", "cudnn", "emulator", "peers")
TABLE = "docs/architecture.md"


def check_ops(files):
    """Every op folder has its contract <op>.h and an implementation <op>_*.cpp or <op>.cu."""
    folders = {}
    for name in files.code():
        parts = pathlib.PurePosixPath(name).parts
        if parts[0] == "kernels" and len(parts) == 3 and parts[1] not in NOT_OPS:
            folders.setdefault(parts[1], []).append(parts[2])
    found = []
    for op, members in sorted(folders.items()):
        if f"{op}.h" not in members:
            found.append(tree.Finding(f"kernels/{op}: no contract {op}.h"))
        if not any(re.fullmatch(rf"{op}(_\w+)?\.(cpp|cu)", member) for member in members):
            found.append(tree.Finding(f"kernels/{op}: no implementation {op}_cpu.cpp"))
    return found


def check_emulated_cases(files):
    """Every launcher of an op with device kernels is called by an emulated test that includes its contract."""
    found = []
    tests = [name for name in files.code() if name.startswith("tests/emulated/")]
    for op in sorted({pathlib.PurePosixPath(name).parent.name for name in files.code()
                      if re.fullmatch(r"kernels/\w+/\w+\.cu", name)}):
        contract = f"kernels/{op}/{op}.h"
        if contract not in files.files:
            continue
        device = files.text(contract).partition("device {")[2]
        text = "\n".join(files.text(test) for test in tests if f'"{contract}"' in files.text(test))
        for launcher in sorted(set(re.findall(r"^Status (\w+)\(", device, re.MULTILINE))):
            if not re.search(rf"\b{launcher}\b", text):
                found.append(tree.Finding(f"{contract}: no test in tests/emulated calls {launcher}()"))
    return found


def check_documented_table(files):
    """The include table of docs/architecture.md is the one this lint applies."""
    if TABLE not in files.files:
        return [tree.Finding(f"{TABLE}: missing")]
    rows = dict(re.findall(r"^\| (\w+) \| ([^|]+?) \|$", files.text(TABLE), re.MULTILINE))
    found = []
    for room, allowed in includes.ALLOWED.items():
        text = "anything" if room in includes.ANYWHERE else ", ".join(allowed) or "nothing of the project"
        if rows.get(room) != text:
            found.append(tree.Finding(f"{TABLE}: the row of {room} says {rows.get(room)!r}, the lint {text!r}"))
    return found
