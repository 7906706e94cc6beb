"Every public name, parameter, return value and config key is documented"

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from dataclasses import is_dataclass

from fastcore.docments import docments

import posebook

MODULES = [
    importlib.import_module(m.name)
    for m in pkgutil.walk_packages(posebook.__path__, "posebook.")
    if not m.name.endswith("_modidx")
]


def ours(o):
    return (getattr(o, "__module__", None) or "").startswith("posebook.")


def bare(o):
    return inspect.unwrap(o.fget if isinstance(o, property) else getattr(o, "__func__", o))


def is_function(o):
    return callable(bare(o)) and inspect.isfunction(bare(o)) and ours(bare(o))


def definitions():
    "Yield every public function, class and method: where it is, its class if it has one, its name, itself"
    for m in MODULES:
        for name in getattr(m, "__all__", ()):
            o = getattr(m, name)
            if inspect.isclass(o) and ours(o):
                yield m, None, name, o
                for k, v in vars(o).items():
                    if is_function(v) and (k == "__init__" or not k.startswith("_")):
                        yield m, o, k, v
            elif is_function(o):
                yield m, None, name, o


def tree(f):
    return ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]


def is_lambda(f):
    return f.__name__ == "<lambda>"


def signature(f):
    "The lines of a definition before its body; a body may begin on the last of them"
    t = tree(f)
    end = max(n.lineno for n in ast.walk(t.args) if hasattr(n, "lineno")) if t.args.args else t.lineno
    return textwrap.dedent(inspect.getsource(f)).splitlines()[: max(end, t.body[0].lineno - 1)]


def explained(f):
    """Return the names of a function's parameters that have a comment.

    Two on one line may share it. (`docments` alone leaves out positional ones.)"""
    if is_lambda(f):
        return set()
    t, lines = tree(f), [f"{o} " for o in signature(f)]
    args = t.args.posonlyargs + t.args.args + t.args.kwonlyargs
    ends = t.returns.lineno if t.returns else None  # a comment there is about what comes back
    return {o.arg for o in args if o.lineno != ends and " #" in lines[o.lineno - 1]} | {
        k for k, v in docments(f).items() if v
    }


def also_in(cls, name):
    "A method, and what it overrides"
    return [vars(c)[name] for c in cls.__mro__ if name in vars(c)] if cls else []


def parameters(m, cls, name, o):
    """Return the parameters that have no explanation.

    Exempt are `self`, `*args` and `**kwargs`. What an overridden method of ours explains is not repeated; a method
    that a library's class has too (`forward`, Lightning's hooks) is explained there; a command's by its help."""
    f, chain = bare(o), also_in(cls, name) or [o]
    if is_dataclass(cls) and name == "__init__":
        return []
    if name != "__init__" and any(not is_function(v) for v in chain):
        return []
    known = set().union(*(explained(bare(v)) for v in chain if is_function(v)))
    helped = {
        k
        for k, p in inspect.signature(f).parameters.items()
        if any(getattr(a, "help", None) for a in (p.default, *getattr(p.annotation, "__metadata__", ())))
    }
    kinds = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [
        k
        for k, p in inspect.signature(f).parameters.items()
        if k not in {"self", "cls"} | known | helped and p.kind not in kinds
    ]


def returned(m, cls, name, o):
    """Tell whether a return value has no explanation.

    None means: no annotation, no comment at the closing bracket, here or in what is overridden."""
    chain = also_in(cls, name) or [o]
    if name == "__init__" or any(not is_function(v) for v in chain) or is_lambda(bare(o)):
        return False

    def statements(node):
        for n in ast.iter_child_nodes(node):
            if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
                continue
            yield n
            yield from statements(n)

    gives = any(
        getattr(n, "value", None) is not None
        for n in statements(tree(bare(o)))
        if isinstance(n, (ast.Return, ast.Yield, ast.YieldFrom))
        and not (isinstance(n.value, ast.Constant) and n.value.value is None)
    )

    def explains(f):
        args = tree(f).args
        alone = not {o.arg for o in args.posonlyargs + args.args + args.kwonlyargs} - {
            "self",
            "cls",
        }  # then a comment after the brackets is about this
        return tree(f).returns is not None or any(
            re.match(r"\s*def .*\):\s*#" if alone else r"\s*\).*:\s*#|.*\):\s*#.* -> ", o) for o in signature(f)
        )

    return gives and not any(explains(bare(v)) for v in chain)


def test_every_public_name_has_a_docstring():
    missing = []
    for m, cls, name, o in definitions():
        doc = inspect.getdoc(getattr(cls, name) if cls else o)
        if name != "__init__" and not (doc or "").strip():
            missing.append(f"{m.__name__}: {cls.__name__ + '.' if cls else ''}{name}")
    assert not missing, "\n".join(["", *missing])


def test_every_parameter_is_explained():
    missing = [
        f"{m.__name__}: {cls.__name__ + '.' if cls else ''}{name}({', '.join(left)})"
        for m, cls, name, o in definitions()
        if not inspect.isclass(o) and (left := parameters(m, cls, name, o))
    ]
    assert not missing, "\n".join(["", *missing])


def test_every_return_value_is_explained():
    missing = [
        f"{m.__name__}: {cls.__name__ + '.' if cls else ''}{name}"
        for m, cls, name, o in definitions()
        if not inspect.isclass(o) and returned(m, cls, name, o)
    ]
    assert not missing, "\n".join(["", *missing])


def test_every_config_key_is_explained():
    from posebook.config.schema import Config, ConfigSection

    def silent(section, path=""):
        for name, field in section.model_fields.items():
            inside = isinstance(field.annotation, type) and issubclass(field.annotation, ConfigSection)
            if inside:
                yield from silent(field.annotation, f"{path}{name}.")
            elif not field.description:
                yield path + name

    assert list(silent(Config)) == []


def test_docstrings_of_functions_begin_with_a_verb():
    "As fastcore's and Python's own do: `Return the ...`, not `Returns ...`, `The ...` or `Whether ...`"
    no_verb = re.compile(r"(A|All|An|Each|Every|How|It|Its|The|This|What|Whether|Which|[A-Z][a-z]+[^s]s)\b")
    nouns = [
        f"{m.__name__}.{name}: {o.__doc__}"
        for m, cls, name, o in definitions()
        if inspect.isfunction(o) and o.__doc__ and no_verb.match(o.__doc__)
    ]
    assert not nouns, "\n".join(["", *nouns])
