#!/usr/bin/env python3
"""Plant one violation of each kind in a small clean tree and require that its check, and no other, finds it."""
import pathlib
import shutil
import sys
import tempfile
import unittest

import build_files
import devices
import includes
import layout
import outside
import run
import sizes
import tree
import words

TABLE = "".join(f"| {room} | {', '.join(allowed) or 'nothing of the project'} |\n"
                if room not in includes.ANYWHERE else f"| {room} | anything |\n"
                for room, allowed in includes.ALLOWED.items())
CLEAN = {
    "docs/architecture.md": TABLE,
    "CMakeLists.txt": "add_subdirectory(engine)\nadd_subdirectory(models)\n",
    "engine/CMakeLists.txt": "add_library(engine core/error.cpp io/file.cpp)\n",
    "engine/core/error.h": "#pragma once\n// exit(1) and getenv are only spoken of here, as is <<<.\nint error();\n",
    "engine/core/error.cpp": '#include "engine/core/error.h"\n\nint error() { return 0; }\n',
    "engine/io/file.cpp": "#include <hdf5.h>\n\nint file() { return 0; }\n",
    "models/CMakeLists.txt": "add_library(models model.cpp)\n",
    "models/model.cpp": '#include <vector>\n\n#include "engine/core/error.h"\n\nint model() { return error(); }\n',
    "kernels/CMakeLists.txt": "add_library(kernels scale/scale.cu)\n",
    "kernels/scale/scale.h": "#pragma once\nnamespace device {\nStatus twice(float x);\n}  // namespace device\n",
    "kernels/scale/scale.cu": '#include "kernels/scale/scale.h"\n',
    "tests/CMakeLists.txt": "add_executable(tests emulated/scale_test.cpp)\n",
    "tests/emulated/scale_test.cpp": '#include "kernels/scale/scale.h"\n\nint test() { return twice(1).ok(); }\n',
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 110\n",
    "scripts/good.sh": "#!/usr/bin/env bash\necho \"$1\"\n",
}


def body(lines):
    return "".join(f"  value += {line};\n" for line in range(lines))


# check -> (file, its text, what the finding must say); several per check where it has several rules.
PLANTED = [
    (includes.check_includes, "kernels/a.h", '#pragma once\n#include "engine/core/error.h"\n', "nothing of the project"),
    (includes.check_includes, "autograd/a.h", '#pragma once\n#include "kernels/core/philox.h"\n', "autograd/ may include"),
    (includes.check_includes, "models/a.h", '#pragma once\n#include "engine/io/hdf5.h"\n', "models/ may include"),
    (includes.check_includes, "ebm/a.h", '#pragma once\n#include <report/grid.h>\n', "ebm/ may include"),
    (includes.check_includes, "tools/a.h", '#pragma once\n#include "tests/reference/conv2d.h"\n', "never included"),
    (includes.check_includes, "engine/a.h", '#pragma once\n#include "../core/error.h"\n', "not rooted"),
    (includes.check_includes, "engine/core/b.h", '#pragma once\n#include "error.h"\n', "not rooted"),
    (includes.check_includes, "engine/core/a.h", "#pragma once\n#include <cuda_runtime.h>\n", "CUDA headers belong"),
    (includes.check_includes, "ebm/b.h", "#pragma once\n#include <cudnn.h>\n", "CUDA headers belong"),
    (includes.check_includes, "engine/ops/a.h", "#pragma once\n#include <oneapi/dnnl/dnnl.hpp>\n", "oneDNN headers belong"),
    (includes.check_includes, "data/a.h", "#pragma once\n#include <H5Fpublic.h>\n", "HDF5 headers belong"),
    (includes.check_includes, "tools/b.h", "#pragma once\n#include <CLI/CLI.hpp>\n", "costly to compile"),
    (includes.check_pragma_once, "engine/core/c.h", "// #pragma once\nint c();\n", "add #pragma once"),
    (devices.check_launches, "kernels/axpy/axpy.cuh", "#pragma once\nvoid f() { axpy<<<1, 32>>>(0); }\n", "kernels/compat"),
    (devices.check_device_conditions, "engine/device/d.h", "#pragma once\n#ifdef __CUDACC__\n#endif\n", "__CUDACC__"),
    (devices.check_device_conditions, "ebm/c.h", "#pragma once\n#if defined(MEBM_WITH_CUDA)\n#endif\n", "MEBM_WITH_CUDA"),
    (devices.check_environment, "engine/core/e.h", "#pragma once\nauto e = std::getenv(\"A\");\n", "std::getenv"),
    (devices.check_environment, "engine/core/f.h", "#pragma once\nvoid f() { std::exit(1); }\n", "std::exit"),
    (devices.check_no_solver, "kernels/core/s.h", "#pragma once\n#include <cusolverDn.h>\n", "cuSOLVER"),
    (devices.check_no_solver, "cmake/Cuda.cmake", "target_link_libraries(k CUDA::cusolver)\n", "cuSOLVER"),
    (sizes.check_file_sizes, "engine/core/g.h", "#pragma once\n" + "int g();\n" * 500, "501 lines"),
    (sizes.check_function_sizes, "engine/core/h.h", "#pragma once\nint h(int value) {\n" + body(100) + "}\n", "102 lines"),
    (sizes.check_function_sizes, "engine/core/i.h", "#pragma once\nnamespace a {\nstruct I : B<int> {\n  I() : a_{1}, b_{2} {\n"
     + body(99) + "  }\n};\n}\n", "101 lines"),
    (sizes.check_function_sizes, "scripts/long.py", "def long(value):\n" + "    value += 1\n" * 100, "101 lines"),
    (words.check_words, "docs/a.md", "see /wor" + "k/main\n", "a path of one machine"),
    (words.check_words, "docs/b.md", "TO" + "DO: write\n", "unfinished work"),
    (words.check_words, "docs/e.md", "<" * 7 + " HEAD\n", "merge conflict"),
    (build_files.check_no_globs, "engine/core/CMakeLists.txt", "file(GLOB SOURCES *.cpp)\n", "globbing"),
    (build_files.check_sources_listed, "engine/core/orphan.cpp", "int orphan() { return 0; }\n", "no CMakeLists.txt"),
    (layout.check_ops, "kernels/axpy/axpy_cpu.cpp", "int axpy() { return 0; }\n", "no contract"),
    (layout.check_ops, "kernels/relu/relu.h", "#pragma once\nint relu();\n", "no implementation"),
    (layout.check_emulated_cases, "kernels/scale/scale.h",
     "#pragma once\nnamespace device {\nStatus twice(float x);\nStatus thrice(float x);\n}  // namespace device\n",
     "calls thrice()"),
    (layout.check_documented_table, "docs/architecture.md", TABLE.replace("| engine | kernels |", "| engine | models |"),
     "the row of engine"),
    (outside.check_format, "engine/core/k.cpp", "int  k( ) ;\n", "clang-format"),
    (outside.check_shell, "scripts/bad.sh", "#!/usr/bin/env bash\nrm $1\n", "SC2086"),
]
# Checks that a planted file may rightly upset besides its own.
BESIDES = {"format", "sources_listed", "includes", "ops"}


class PlantedViolations(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        for name, text in CLEAN.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def restore(self, name):
        (self.root / name).unlink()
        if name in CLEAN:
            self.write(name, CLEAN[name])

    def checks(self):
        """The checks to run; those of a program that is absent are left out."""
        absent = {check for check, program in ((outside.check_format, "clang-format"), (outside.check_shell, "shellcheck"))
                  if not shutil.which(program)}
        return [check for check in run.CHECKS if check not in absent]

    def test_clean_tree(self):
        files = tree.Tree(self.root)
        for check in self.checks():
            self.assertEqual(check(files), [], check.__name__)
        self.assertEqual(sizes.warnings(files), [])

    def test_every_check_is_planted(self):
        self.assertEqual({check for check, *_ in PLANTED}, set(run.CHECKS))

    def test_planted(self):
        for check, name, text, message in PLANTED:
            with self.subTest(name=name):
                self.write(name, text)
                files = tree.Tree(self.root)
                place = str(pathlib.PurePosixPath(name).parent) if check is layout.check_ops else name
                for other in self.checks():
                    found = other(files)
                    if other is check:
                        self.assertEqual([finding for finding in found if place in finding and message in finding],
                                         found, check.__name__)
                        self.assertTrue(found, f"{check.__name__} found nothing in {name}")
                    elif other.__name__.removeprefix("check_") not in BESIDES:
                        self.assertEqual(found, [], f"{other.__name__} on {name}")
                self.restore(name)

    def test_warnings(self):
        self.write("engine/core/w.h", "#pragma once\nint w(int value) {\n" + body(59) + "}\n")
        self.write("engine/core/x.h", "#pragma once\n" + "int x();\n" * 300)
        warned = sizes.warnings(tree.Tree(self.root))
        self.assertEqual(len(warned), 2)
        self.assertIn("engine/core/x.h: 301 lines", warned[0])
        self.assertIn("engine/core/w.h:2: 61 lines", warned[1])


class Functions(unittest.TestCase):
    def spans(self, text):
        return [(first, last) for first, last, _ in sizes.functions(text)]

    def test_scopes_are_not_functions(self):
        self.assertEqual(self.spans("namespace a::b {\nclass C final : public D<int> {\n  int x{3};\n};\n}\n"), [])
        self.assertEqual(self.spans("enum class E : int { kA, kB };\nstruct alignas(64) P {\n  int x;\n};\n"), [])
        self.assertEqual(self.spans("const int kTable[] = {1, 2};\n"), [])

    def test_functions(self):
        self.assertEqual(self.spans("template <class T>\nT f(T a) {\n  auto g = [&](int b) { return b; };\n  return g(a);\n}\n"),
                         [(1, 5)])
        self.assertEqual(self.spans("struct P f() {\n  return {1};\n}\n"), [(1, 3)])
        self.assertEqual(self.spans("struct A {\n  A() : x_{1}, y_(2) {\n  }\n  int m() const { return 1; }\n};\n"),
                         [(2, 3), (4, 4)])
        self.assertEqual(self.spans("#define M(x) { \\\n  x\nint f() {\n  return 0;\n}\n"), [(3, 5)])


class Text(unittest.TestCase):
    def test_bare_keeps_lines_and_drops_literals(self):
        match = tree._TOKENS.sub(tree._blank, 'a /* <<<\n */ "<<<" R"(x\n<<<)" \'{\' 1\'000 // <<<\nb')
        self.assertNotIn("<<<", match)
        self.assertNotIn("{", match)
        self.assertIn("1'000", match)
        self.assertEqual(match.count("\n"), 3)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
