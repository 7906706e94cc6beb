"Identifiers use the field's words in American spelling"

import json
import keyword
import re
import tokenize
from io import StringIO

import pytest
from conftest import ROOT

# the beginnings of words; a word is a part of an identifier between underscores or capitals
WORDS = ["picture", "hill", "remember", "told", "hear", "heard", "hundredth"]
BRITISH = re.compile(
    r"(un)?labell|colour|grey|centre|neighbour|behaviour|favour|modell|licence|catalogue|analys(e|ed|er|ing)$"
    r"|(normal|initial|optim|minim|maxim|summar|recogn|organ|visual|parametr|regular|serial|synchron|quant|standard|random)is(e|ed|es|er|ing|ation)s?$"
)
FILES = [
    p
    for folder in ("posebook", "nbs", "tests")
    for kind in ("py", "js", "css", "ipynb")
    for p in sorted((ROOT / folder).rglob(f"*.{kind}"))
    if not {".ipynb_checkpoints", "_proc"} & set(p.parts) and p.name != "_modidx.py"
]


def words(identifier):
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)]


def is_listed(word):
    return any(re.fullmatch(f"{w}(s|d|ed|ing|er)?", word) for w in WORDS) or bool(BRITISH.match(word))


def python_names(code):
    "Identifiers of Python, and in what is no Python (a cell with a magic) every word that could be one"
    try:
        return {
            t.string
            for t in tokenize.generate_tokens(StringIO(code).readline)
            if t.type == tokenize.NAME and not keyword.iskeyword(t.string)
        }
    except (tokenize.TokenError, IndentationError):
        return set(re.findall(r"[A-Za-z_]\w*", code))


def script_names(code):
    "Identifiers of JavaScript, and classes of CSS: words outside of comments"
    code = re.sub(r"/\*.*?\*/|(?<![:'\"`])//[^\n]*", "", code, flags=re.S)
    return set(re.findall(r"(?<![\w-])[A-Za-z_$][\w$-]*", re.sub(r"'[^'\n]* [^'\n]*'|\"[^\"\n]* [^\"\n]*\"", "", code)))


def names(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return python_names(text)
    if path.suffix != ".ipynb":
        return script_names(text)
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    return set().union(*(python_names("".join(c["source"])) for c in cells))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_identifiers_have_no_listed_word(path):
    assert sorted(n for n in {*names(path), path.stem} if any(map(is_listed, words(n)))) == []


def test_the_word_list_is_applied():
    wrong = "def told(hill, x): labelled = picture_of(x); RememberedFeatures(greyLevel=normalised)"
    assert {n for n in python_names(wrong) if any(map(is_listed, words(n)))} == {
        "told",
        "hill",
        "labelled",
        "picture_of",
        "RememberedFeatures",
        "greyLevel",
        "normalised",
    }
    assert {
        n
        for n in script_names("// a picture\nconst picture = hearSay('the picture of a hill')")
        if any(map(is_listed, words(n)))
    } == {"picture", "hearSay"}
    right = [
        "analysis",
        "chilled",
        "heart",
        "model",
        "labeled",
        "gray",
        "modeled",
        "summary",
        "center",
        "organism",
        "optimistic",
        "cancellation",
    ]
    assert not [n for n in right if any(map(is_listed, words(n)))]
