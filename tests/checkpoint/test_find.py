"""Finding a model by name: embedded, a folder, a file or a hub model; an ambiguous name is refused."""

from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError

import dgemma
from dgemma.checkpoint import find_model, open_model
from dgemma.errors import ModelNotFoundError

FILES = [
    "config.json",
    "m-Q4_K_M.gguf",
    "m-UD-Q4_K_M.gguf",
    "m-Q8_0-00001-of-00002.gguf",
    "m-Q8_0-00002-of-00002.gguf",
    "mmproj-F16.gguf",
    "mmproj-Q8_0.gguf",
    "imatrix_m.gguf",
    "m-F16.gguf",
    "BF16/m-BF16.gguf",
]


def model_info_of(files: list[str]) -> SimpleNamespace:
    return SimpleNamespace(siblings=[SimpleNamespace(rfilename=file) for file in files])


@pytest.fixture
def hub(tmp_path, monkeypatch) -> list[list[str]]:
    """A fake hub with one model; fetched files are written to a folder. Returns the list of patterns asked for."""
    asked, store = [], tmp_path / "hub"

    def snapshot_download(name, *, allow_patterns, local_files_only):
        if name != "some/model":
            raise LocalEntryNotFoundError("no connection")
        asked.append(allow_patterns)
        for file in FILES[1:] if not local_files_only else []:
            if any(Path(file).match(pattern) for pattern in allow_patterns):
                (store / file).parent.mkdir(parents=True, exist_ok=True)
                (store / file).write_bytes(b"GGUF")
        store.mkdir(exist_ok=True)
        return str(store)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(huggingface_hub, "model_info", lambda name: model_info_of(FILES))
    return asked


def test_a_tag_selects_one_gguf_file_of_a_hub_model(hub):
    assert find_model("some/model:q8_0").name == "m-Q8_0-00001-of-00002.gguf"
    assert find_model("some/model:BF16").name == "m-BF16.gguf"
    assert find_model("some/model:UD-Q4_K_M").name == "m-UD-Q4_K_M.gguf"
    assert find_model("some/model:Q4_K_M").name == "m-Q4_K_M.gguf"
    assert find_model("some/model:F16").name == "m-F16.gguf"
    # Only that file is fetched, or all of its parts.
    assert hub[0] == ["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"] and hub[-1] == ["m-F16.gguf"]
    for tag in ("Q5_K_M", "K_M", "0"):
        with pytest.raises(ModelNotFoundError, match=f"no GGUF file whose name ends with {tag}") as raised:
            find_model(f"some/model:{tag}")
    offered = str(raised.value).partition("There are: ")[2].rstrip(".").split(", ")
    chosen = [find_model(name).name for name in offered]
    assert sorted(chosen) == ["m-BF16.gguf", "m-F16.gguf", "m-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf",
                              "m-UD-Q4_K_M.gguf"]  # fmt: skip


def test_a_fetched_file_is_found_without_a_connection(hub, monkeypatch):
    find_model("some/model:BF16")

    def unreachable(name):
        raise OSError("no connection")

    monkeypatch.setattr(huggingface_hub, "model_info", unreachable)
    assert find_model("some/model:BF16").name == "m-BF16.gguf"
    message = r"Q8_0 is not here, and the hub cannot be reached \(OSError: no connection\)"
    with pytest.raises(ModelNotFoundError, match=message):
        find_model("some/model:Q8_0")


def test_in_offline_mode_the_error_names_its_variable(hub, monkeypatch):
    find_model("some/model:BF16")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_model("some/model:BF16").name == "m-BF16.gguf"
    for name in ("other/model", "some/model:Q8_0"):
        with pytest.raises(ModelNotFoundError, match="HF_HUB_OFFLINE is set; unset it to fetch the model") as raised:
            find_model(name)
        assert "connection" not in str(raised.value)


def test_without_a_home_folder_the_error_names_the_variable_that_gives_another(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "~/.cache/huggingface/hub")
    monkeypatch.setattr(huggingface_hub, "model_info", lambda name: model_info_of(FILES))
    for name in ("some/model", "some/model:BF16"):
        with pytest.raises(ModelNotFoundError, match="no home folder for a download; set HF_HOME"):
            find_model(name)


def test_finding_a_model_without_weights_fetches_nothing(hub):
    with pytest.raises(ModelNotFoundError, match="dgemma pull some/model:BF16"):
        find_model("some/model:BF16", weights=False)
    find_model("some/model:BF16")
    assert find_model("some/model:BF16", weights=False).name == "m-BF16.gguf"


def test_the_error_for_a_hub_model_of_gguf_files_names_one_of_them(hub, tmp_path, monkeypatch):
    with pytest.raises(ModelNotFoundError, match="holds GGUF files; name one of them: some/model:BF16"):
        find_model("some/model")
    (tmp_path / "hub" / "config.json").write_text("{}")
    with pytest.raises(ModelNotFoundError, match="holds GGUF files; name one of them: some/model:BF16"):
        find_model("some/model")
    assert find_model("some/model", weights=False) == tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub, "model_info", lambda name: model_info_of([]))
    with pytest.raises(ModelNotFoundError, match="hub cannot be reached"):
        find_model("other/model")


def test_a_folder_with_one_gguf_model_means_that_file(tmp_path):
    (tmp_path / "mmproj.gguf").write_bytes(b"GGUF")
    assert find_model(tmp_path) == tmp_path
    for part in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"):
        (tmp_path / part).write_bytes(b"GGUF")
    (tmp_path / "folder.gguf").mkdir()
    assert find_model(tmp_path) == tmp_path / "m-00001-of-00002.gguf" == find_model(tmp_path / "m-00002-of-00002.gguf")
    (tmp_path / "n.GGUF").write_bytes(b"GGUF")
    with pytest.raises(ModelNotFoundError, match=r"several GGUF files \(m-00001-of-00002.gguf, n.GGUF\)"):
        find_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")  # some publishers put one next to GGUF files
    with pytest.raises(ModelNotFoundError, match="several GGUF files"):
        find_model(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    assert find_model(tmp_path) == tmp_path


def test_a_gguf_file_is_found_next_to_a_config_json_without_weights(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert find_model(tmp_path) == tmp_path
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert find_model(tmp_path) == tmp_path / "m.gguf"


def test_the_first_part_is_found_in_the_case_of_the_given_name(tmp_path):
    for part in ("M-00001-OF-00002.GGUF", "M-00002-OF-00002.GGUF"):
        (tmp_path / part).write_bytes(b"GGUF")
    assert find_model(tmp_path / "M-00002-OF-00002.GGUF") == tmp_path / "M-00001-OF-00002.GGUF"


def test_an_existing_local_path_is_not_looked_up_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("copy").mkdir()
    for name in ("copy/model.safetensors", "copy/config.json", "copy/notes"):
        Path(name).write_bytes(b"")
        message = "neither a model folder nor a" if name == "copy/notes" else "one file of a model; give the folder"
        for given in (name, tmp_path / name):
            with pytest.raises(ModelNotFoundError, match=message):
                find_model(given)


def test_a_path_without_permission_raises_a_model_error(monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    for name in ("locked/copy", "locked/copy.gguf"):
        with pytest.raises(ModelNotFoundError, match=f"{name} cannot be read: Permission denied"):
            find_model(name)


def test_an_unreadable_folder_raises_a_model_error(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    for load in (find_model, dgemma.load, open_model):
        with pytest.raises(ModelNotFoundError, match=rf"{tmp_path.name} cannot be read: Permission denied"):
            load(tmp_path)


def test_a_missing_gguf_file_raises_a_model_error(tmp_path):
    for name in (tmp_path / "no.gguf", "no.gguf", "models/no.gguf"):
        for load in (dgemma.load, open_model):
            with pytest.raises(ModelNotFoundError, match=r"There is no file .*no\.gguf"):
                load(name)
