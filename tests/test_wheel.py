"""The built wheel carries the embedded model and answers on its own, from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_built_wheel_answers_outside_the_repository(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 25e6
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        data = {"tiny/model.safetensors", "tiny/CARD.md", "server/page/index.html", "server/page/page.js", "py.typed"}
        assert {f"dgemma/{name}" for name in data} <= set(archive.namelist())
        archive.extractall(site)
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "import dgemma; print(dgemma.__file__); from dgemma.cli import main; main()",
            "run",
            "hi",
        ],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=elsewhere,
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    origin, _, answer = result.stdout.partition("\n")
    assert Path(origin).is_relative_to(site) and answer.strip()
