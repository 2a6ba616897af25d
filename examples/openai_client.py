"""OpenAI's client with `dgemma serve`: a reply, a stream, a filled gap.

Usage:
    dgemma serve &
    python examples/openai_client.py [http://127.0.0.1:8000]
"""

import sys

from openai import OpenAI

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
sudoku = "Solve this Sudoku:\n1030\n0402\n2043\n0320"

with OpenAI(base_url=f"{address}/v1", api_key="none") as client:
    model = client.models.list().data[0].id

    reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": sudoku}], seed=7)
    print(reply.choices[0].message.content)
    print(reply.usage.diffusion["denoise_steps"], "denoise steps for", reply.usage.completion_tokens, "tokens")

    request = "Fix the mistakes: They was late."
    for event in client.responses.create(model=model, input=request, max_output_tokens=32, stream=True):
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
    print()

    gap = client.completions.create(model=model, prompt="She goes to", suffix=" every day.", max_tokens=4, seed=7)
    print(f"She goes to{gap.choices[0].text} every day.")
