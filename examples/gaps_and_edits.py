"""Fill a gap between two texts, and correct a text in place and show what changed.

Usage: python examples/gaps_and_edits.py
"""

import difflib

import dgemma

llm = dgemma.load("tiny")

before, after = "The cat sat", " the mat."
print(f"{before}[{llm.infill(before, after, max_new_tokens=4).text}]{after}")

text = "They was late for the the train yestreday."
corrected = llm.edit(text, instruction="Fix the mistakes").text
old, new = text.split(), corrected.split()
for kind, old_from, old_to, new_from, new_to in difflib.SequenceMatcher(None, old, new).get_opcodes():
    if kind != "equal":
        print(f"{' '.join(old[old_from:old_to])!r} -> {' '.join(new[new_from:new_to])!r}")
print(corrected)
