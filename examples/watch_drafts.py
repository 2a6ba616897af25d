"""Watch the canvas settle: one line after each denoise step, with the mean entropy of its positions.

Usage:
    dgemma serve &
    python examples/watch_drafts.py [http://127.0.0.1:8000]
"""

import sys

from openai import OpenAI

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
messages = [{"role": "user", "content": "Solve this Sudoku:\n1030\n0402\n2043\n0320"}]

with OpenAI(base_url=f"{address}/v1", api_key="none") as client:
    model = client.models.list().data[0].id
    body = {"diffusing": True}
    for chunk in client.chat.completions.create(model=model, messages=messages, stream=True, seed=7, extra_body=body):
        draft = getattr(chunk, "diffusion", None)
        if draft:
            entropy = sum(draft["entropies"]) / len(draft["entropies"])
            print(f"step {draft['step']}, {entropy:.2f} nats: {draft['text']!r}")
        elif chunk.choices[0].delta.content:
            print(chunk.choices[0].delta.content)
