"""No path of one machine, no note of unfinished work, no merge conflict."""
import re

import tree

# Each letter class keeps a pattern from matching its own source.
PATTERNS = {
    "a path of one machine": re.compile(r"(?<![\w.~${}\-/])/(?:wor[k]|hom[e]|roo[t])/"),
    "a note of unfinished work": re.compile(r"\b(?:TO[D]O|FIXM[E]|XX[X])\b"),
}
CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def check_words(files):
    """No machine's paths, no notes of unfinished work, no merge conflicts."""
    found = []
    for name in files.files:
        if name == "LICENSE":
            continue
        text = files.text(name)
        for what, pattern in PATTERNS.items():
            found += [tree.Finding(f"{name}:{line}: {what}: {match.group(0)}")
                      for line, match in tree.matches(text, pattern)]
        found += [tree.Finding(f"{name}:{line}: a merge conflict") for line, _ in tree.matches(text, CONFLICT)]
    return found
