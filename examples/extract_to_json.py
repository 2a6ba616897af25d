"""Extract facts from a text as JSON that always matches a schema, in Python without a server.

Usage: python examples/extract_to_json.py ["a text"]
"""

import json
import sys

import dgemma

text = sys.argv[1] if len(sys.argv) > 1 else "On 3 May 2024 Anna Lee paid $250 for a new bicycle."
keys = ["name", "date", "amount"]
schema = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": keys}

llm = dgemma.load("tiny")  # or a model folder, a GGUF file, or a hub id
reply = llm.chat(f"Extract {', '.join(keys)} as JSON: {text}", schema=schema, max_new_tokens=80)
for key, value in json.loads(reply.text).items():
    print(f"{key:>8}: {value}")
print(f"{reply.stats.new_tokens} tokens in {reply.stats.forward_passes} passes")
