"""Track animals in video from few labeled frames"""
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["init", "pick_frames", "train", "predict", "evaluate", "smooth", "convert", "run_bench", "list_registered",
           "list_models", "info", "open_labeling", "trust", "demo", "label", "review", "watch", "Predictor"]

if TYPE_CHECKING:       # for editors
    from .commands import convert, demo, evaluate, info, init, list_models, list_registered, open_labeling
    from .commands import pick_frames, predict, run_bench, smooth, train, trust
    from .inference.predictor import Predictor
    from .notebook.label import label
    from .notebook.review import review
    from .notebook.watch import watch

_modules = {"label": "notebook.label", "review": "notebook.review", "watch": "notebook.watch", "Predictor": "inference.predictor"}


def __getattr__(name):
    "Load a public name when it is first used, so that `import posebook` alone takes no time"
    if name not in __all__: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"posebook.{_modules.get(name, 'commands')}"), name)
    if isinstance(value, FunctionType): import_module("posebook.core").document_parameters(value)   # for help()
    return globals().setdefault(name, value)


def __dir__(): return sorted({*globals(), *__all__})
