"Installing: requirements and extras, and what messages and pages propose to install"

import json
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import Distribution

PLACES = ("nbs", "posebook", "tests", "README.md", "settings.ini", ".ci")


def requirements(root, key) -> list:
    settings = ConfigParser(delimiters=["="])
    settings.read(root / "settings.ini", encoding="utf-8")
    return [o.strip() for o in settings["DEFAULT"][f"{key}requirements"].splitlines() if o.strip()]


def texts(root):
    "Yield the path and the text of each page, module and script; of notebooks, the sources and text outputs"
    for name in PLACES:
        for path in [root / name] if (root / name).is_file() else sorted((root / name).rglob("*")):
            if path.suffix in (".py", ".md", ".sh", ".js", ".html", ".ini") or path.name == "run":
                yield path, path.read_text(encoding="utf-8")
            elif path.suffix == ".ipynb" and "checkpoints" not in str(path):
                for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                    outputs = [o.get("text", "") for o in cell.get("outputs", [])]
                    yield path, "\n".join("".join(o) for o in (cell["source"], *outputs))


def test_nothing_proposes_an_install_of_posebook_by_name(root):
    "posebook is not in a package index, so that anyone could register the name there"
    by_name = re.compile(r"pip install\s+(?:-\S+\s+)*['\"]?posebook\b")
    assert by_name.search("pip install -U 'posebook[timm]'") and not by_name.search("pip install ./posebook")
    here = root / "tests/package/test_install.py"
    assert [str(path) for path, text in texts(root) if path != here and by_name.search(text)] == []


def test_messages_propose_packages_that_are_requirements(root):
    "A misspelled name in a message would install the package of someone else"
    declared = {
        re.split("[<>=;]", line)[0].strip()
        for key in ("", "gpu_", "notebook_", "sleap_", "timm_", "dev_")
        for line in requirements(root, key)
    }
    named = {
        word.split("==")[0]
        for path, text in texts(root)
        if path.suffix == ".py" and "posebook" in path.relative_to(root).parts
        for words in re.findall(r"pip install ((?:[a-z][\w.=-]+ ?)+)", text)
        for word in words.split()
    }
    assert {"nvidia-dali-cuda130", "sleap-io", "timm", "jupyterlab"} <= named
    assert named <= declared


def test_a_plain_install_needs_neither_dali_nor_jupyterlab(root):
    names = [re.split("[<>=;]", o)[0] for o in requirements(root, "")]
    assert not {"jupyterlab", "timm", "sleap-io"} & {*names}
    assert not [o for o in names if "dali" in o]
    assert [o.partition(";")[2].strip() for o in requirements(root, "gpu_")] == ['sys_platform == "linux"']


def test_the_extra_dev_has_all_extras_and_readme_names_them(root, tmp_path):
    for name in ("setup.py", "settings.ini", "README.md"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "posebook").mkdir()
    (tmp_path / "posebook/__init__.py").touch()
    command = [sys.executable, "setup.py", "-q", "egg_info"]
    subprocess.run(
        command, cwd=tmp_path, check=True, env=os.environ | {"PYTHONWARNINGS": "ignore"}, capture_output=True
    )
    metadata = Distribution.at(tmp_path / "posebook.egg-info").metadata
    extras = {o: set() for o in metadata.get_all("Provides-Extra")}
    for line in metadata.get_all("Requires-Dist"):
        if found := re.search(r"extra == ['\"](\w+)['\"]", line):
            extras[found[1]].add(re.split("[<>=; (]", line)[0])
    assert set(extras) == {"gpu", "notebook", "sleap", "timm", "dev"}
    assert set().union(*extras.values()) == extras["dev"]
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert [o for o in extras if f"\n| `{o}` |" not in readme] == []
