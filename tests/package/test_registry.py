"The registry: definitions of the package and of others"

import ast
import subprocess
import sys

import pytest


def test_a_registry_finds_what_the_package_registers():
    """In a process that imported nothing else, each kind's names are there.

    `posebook list` and the commented YAML show all kinds."""
    code = (
        "from posebook.core import kinds, losses\n"
        "assert losses['pca_multiview'].__module__ == 'posebook.losses.pca'\n"
        "print({kind: len(registry.load()) for kind, registry in kinds.items()})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    counts = ast.literal_eval(done.stdout)
    assert all(counts.values()), counts
    from posebook.config.write import registered_lines

    listed = {line.split()[1] for line in registered_lines() if line.startswith("#   ") and line[4] != " "}
    assert listed == set(counts)


def test_a_definition_from_outside_does_not_replace_one_of_posebook():
    "Also in a process that has not imported posebook's own yet"
    code = (
        "from posebook.core import losses, PosebookError\n"
        "class Mine: pass\n"
        "try: losses('temporal')(Mine)\n"
        "except PosebookError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "two definitions are registered as the loss 'temporal'" in done.stdout, done.stdout


def test_a_registry_whose_modules_cannot_be_imported_says_so_each_time():
    from posebook.core import Registry

    broken = Registry("animal", "no_such_folder")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_folder"):
            broken["mouse"]


def test_registries_list_the_facts_that_are_passed(monkeypatch):
    "What `build` gets as facts is in the registry's list, except settings of a tracker that its heads share"
    import posebook.core
    from posebook.core import kinds

    passed, build = {}, posebook.core.build

    def record(f, facts=None, where=None, /, **settings):
        classes = getattr(f, "__mro__", [f])  # a semi-supervised tracker is a subclass
        kind = next((k for k, r in kinds.items() if any(c in r.values() for c in classes)), None)
        passed.setdefault(kind, set()).update(facts or ())
        return build(f, facts, where, **settings)

    from posebook.testing import short_run

    for name, module in list(sys.modules.items()):
        if name.startswith("posebook.") and getattr(module, "build", None) is build:
            monkeypatch.setattr(module, "build", record)
    for model_type in ("heatmap_mhcrnn", "regression"):
        short_run(model_type, losses_to_use=["temporal", "pca_multiview"], steps=2)
    passed.pop(None, None)
    assert {"model", "backbone", "neck", "head", "loss", "callback", "source"} <= set(passed)
    for kind, facts in passed.items():
        assert facts <= kinds[kind].facts | {"head_args", "width"}, kind
