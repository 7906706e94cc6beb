"What a wrong input must lead to: a message that says what, where and what to do, exit code 2, and no damage"

import hashlib
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

TRAIN = "train {project} --out {root}/out --no-progress"


@dataclass
class Case:
    "A row of a table: an input, a command and what is expected"

    name: str  # of the input
    prepare: Callable  # changes the folder `root` (with `project`, `model` ...); may return values for the command
    command: str  # words; {project}, {model}, {root} and what `prepare` returned are filled in
    message: tuple = ()  # parts that the output must contain: what, where, what to do
    code: int = 2  # exit code: 0 for a valid input, 2 for what the user can fix, 3 for done except for named items
    check: Callable = field(default=None)  # called with the root after the command, for a valid input

    def words(self, values):
        return [o.format(**values) for o in shlex.split(self.command)]


def snapshot(root):
    "Return the hash of each file and the target of each link, by path"
    found = {}
    for path in sorted(Path(root).rglob("*")):
        if path.is_symlink():
            found[str(path)] = f"link to {path.readlink()}"
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def check_case(case, root, run_command):
    "Run a case in the folder `root` and check message, exit code and damage"
    values = {"root": root, "project": root / "project", "model": root / "model"}
    values |= case.prepare(root) or {}
    before = snapshot(root)
    code, text = run_command(*case.words(values))
    after = snapshot(root)
    assert "Traceback" not in text, text
    assert code == case.code, text
    for part in case.message:
        assert part.format(**values) in text, text
    changed = [o for o in before if after.get(o) != before[o]]
    if case.code == 2:
        assert not changed, f"changed or removed: {changed}"
        assert not set(after) - set(before), f"left behind: {sorted(set(after) - set(before))}"
        usage = "--help' for help" in text or text.startswith("Error: Option")  # as every program says it
        assert "\n  -> " in text or usage, f"the message does not say what to do: {text}"
    if case.check:
        case.check(root)


# Preparations: functions that change the folder `root`


def config(text):
    def prepare(root):
        path = root / "project/posebook.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return prepare


def override(*settings):
    return f"{TRAIN} {' '.join(settings)}"


def plugin(text):
    def prepare(root):
        (root / "plugin.py").write_bytes(text if isinstance(text, bytes) else text.encode())

    return prepare


def write(path, content="of a person"):
    def prepare(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)

    return prepare


def nothing(root):
    pass


def link_to_itself(name):
    def prepare(root):
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(root / name)

    return prepare
