"Importing any module of the package changes no global state"

import json
import subprocess
import sys
from configparser import ConfigParser

from conftest import ROOT

CODE = """
import importlib, json, logging, os, pkgutil, sys, warnings
import av, cv2, lightning.pytorch, matplotlib, numpy, omegaconf, pandas, torch, torchvision
from omegaconf import basecontainer

def state():
    return dict(
        levels={k: o.level for k, o in logging.root.manager.loggerDict.items() if hasattr(o, "level") and o.level},
        root=[logging.root.level, len(logging.root.handlers)],
        filters=list(map(str, warnings.filters)),
        resolvers=sorted(basecontainer.BaseContainer._resolvers),
        plots=str(matplotlib.rcParams),
        numbers=[str(numpy.get_printoptions()), torch.get_num_threads(), str(torch.get_default_dtype()),
                 torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision(), cv2.getNumThreads()],
        environment=dict(os.environ),
        folder=os.getcwd(),
        path=sys.path)

before = state()
import posebook
for module in pkgutil.walk_packages(posebook.__path__, "posebook."):
    if not module.name.endswith("_modidx"): importlib.import_module(module.name)
after = state()
print(json.dumps([k for k in before if before[k] != after[k]]))
from posebook.core import kinds
names = {kind: [o for o, f in r.load().items() if f.__module__ == "posebook.testing"] for kind, r in kinds.items()}
print(json.dumps(names))
"""


def test_importing_changes_no_global_state():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    changed, of_testing = map(json.loads, done.stdout.splitlines()[-2:])
    assert changed == []
    assert not any(of_testing.values())


def test_each_dependency_has_a_lowest_version():
    "tests/lowest_versions.sh installs these versions and runs the tests with them"
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    keys = ("requirements", *(f"{o}_requirements" for o in ("gpu", "notebook", "sleap", "timm")))
    lines = [o.strip() for key in keys for o in settings["DEFAULT"][key].splitlines() if o.strip()]
    assert len(lines) > 10 and [o for o in lines if ">=" not in o and "==" not in o] == []
