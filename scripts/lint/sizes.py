"""Files and functions stay short enough to read at once."""
import ast
import re

import tree

FILE_WARN, FILE_LIMIT = 300, 500
FUNCTION_WARN, FUNCTION_LIMIT = 60, 100

_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_SCOPE = re.compile(r"(?:^|\s)(?:namespace|class|struct|union|enum)\b|^\s*extern\s*\"\s*\"\s*$")


def _without_directives(text):
    return _DIRECTIVE.sub(lambda match: "\n" * match.group(0).count("\n"), text)


def _kind(header):
    """What a brace opens, from the text before it: scope, function or other."""
    header = re.sub(r"template\s*<[^{};]*?>\s*(?=(?:class|struct|union)\b)", " ", header)
    opening = header.find("(")
    scope = _SCOPE.search(header)
    if scope and (opening < 0 or scope.start() < opening and "operator" not in header[:opening]):
        # "struct P f() {" is a function, "struct P : Q<decltype(f())> {" is not.
        if opening < 0 or re.search(r":(?!:)", header[:opening]) or re.match(r"\s*(?:class|struct)\s+alignas", header):
            return "scope"
    return "function" if opening >= 0 else "other"


def functions(text):
    """-> [(first line, last line, header)] of a C++ text's function definitions, bodies inside them left out.

    A reader of braces, not of C++: it knows namespaces, types, functions and member initialisers.
    """
    text = _without_directives(text)
    found, stack, start = [], [], 0
    pending = None  # a function header whose braced member initialiser has just closed
    for match in re.finditer(r"[{};]", text):
        position, mark = match.start(), match.group(0)
        inside_function = any(kind != "scope" for kind, _, _ in stack)
        if mark == "{":
            header = (pending or "") + text[start:position]
            kind = "other" if inside_function else _kind(header)
            stack.append((kind, _header_start(text, start, position) if pending is None else pending_start, header))
            pending = None
        elif mark == "}" and stack:
            kind, first, header = stack.pop()
            if kind == "function":
                if re.match(r"\s*[,{]", text[position + 1:]):
                    pending, pending_start = header, first
                else:
                    found.append((tree.line_of(text, first), tree.line_of(text, position), " ".join(header.split())))
        start = position + 1
    return found


def _header_start(text, start, position):
    """The first character of the header that is not blank."""
    match = re.compile(r"\s*").match(text, start, position)
    return match.end()


def _python_functions(text):
    return [(node.lineno, node.end_lineno, node.name) for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def file_lengths(files):
    return [(name, files.text(name).count("\n")) for name in files.code() + files.python() + files.shell()]


def function_lengths(files):
    """-> [(file, line, length, header)]"""
    listed = [(name, functions(files.bare(name))) for name in files.code()]
    listed += [(name, _python_functions(files.text(name))) for name in files.python()]
    return [(name, first, last - first + 1, header) for name, spans in listed for first, last, header in spans]


def check_file_sizes(files):
    """No source file is longer than FILE_LIMIT lines."""
    return [tree.Finding(f"{name}: {lines} lines, {FILE_LIMIT} at most; split it")
            for name, lines in file_lengths(files) if lines > FILE_LIMIT]


def check_function_sizes(files):
    """No function is longer than FUNCTION_LIMIT lines."""
    return [tree.Finding(f"{name}:{line}: {length} lines, {FUNCTION_LIMIT} at most; split {header[:60]}")
            for name, line, length, header in function_lengths(files) if length > FUNCTION_LIMIT]


def warnings(files):
    """What is over the size to aim for, and not yet over the limit."""
    long_files = [f"{name}: {lines} lines, aim for {FILE_WARN}" for name, lines in file_lengths(files)
                  if FILE_WARN < lines <= FILE_LIMIT]
    return long_files + [f"{name}:{line}: {length} lines, aim for {FUNCTION_WARN}: {header[:60]}"
                         for name, line, length, header in function_lengths(files)
                         if FUNCTION_WARN < length <= FUNCTION_LIMIT]
