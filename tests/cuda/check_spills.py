"""Fails when ptxas spilled registers in any device kernel.

usage: check_spills.py FOLDER   (the build folder with the compiler's *.cu.o.report files)
"""
import pathlib
import re
import sys

FUNCTION = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def kernels(report):
    """(kernel, architecture, registers, spilled bytes) of each kernel in one report."""
    name, spilled = None, 0
    for line in report.read_text().splitlines():
        if match := FUNCTION.search(line):
            name = match.groups()
        elif match := SPILLS.search(line):
            spilled = sum(map(int, match.groups()))
        elif (match := REGISTERS.search(line)) and name:
            yield *name, int(match.group(1)), spilled
            name = None


def main(folder):
    found = [(report.name, *kernel) for report in sorted(pathlib.Path(folder).rglob("*.cu.o.report"))
             for kernel in kernels(report)]
    if not found:
        sys.exit(f"{folder}: no reports of the compiler; build mebm_device_cuda first")
    spilled = [kernel for kernel in found if kernel[4] > 0]
    for report, name, architecture, registers, count in spilled:
        print(f"{report}: {name} for {architecture}: {count} bytes spilled, {registers} registers")
    print(f"{len(found)} kernels, {len(spilled)} with spills, at most {max(kernel[3] for kernel in found)} registers")
    sys.exit(1 if spilled else 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
