"""A check of Python files: they use no private name of another package.

Private names. Rendered code outside tests may rely on a package only as far as its author promises. So it does not

- read, write or delete an attribute `x._name`, unless `x` is `self`, `cls`, `super()` or a class's own name;
- import a private module or name of another package: `import _x`, `import a._b`, `from a import _b`;
- reach one by a string: `getattr(x, "_name")`, and likewise setattr, delattr, hasattr;
- assign to an attribute of a module or object that it imports from another package;
- override a private attribute or method of a class that it inherits from another package.

Excepted are names that their packages document in spite of the underscore (`DOCUMENTED`), and dunder names, which
belong to the language.

It is a program, too, since projects are written for a newer Python than this repository:

    python private_names.py FILE …

prints, as JSON, what it finds in each file.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

DOCUMENTED = {
    "_meta",  # Django's, of models
    "_asdict", "_fields", "_replace",  # of named tuples
    "_mapping",  # of SQLAlchemy's rows
    "_typeshed",  # for type checkers, which bring it
}  # fmt: skip
BY_STRING = {"getattr", "setattr", "delattr", "hasattr"}


def is_private(name: str) -> bool:
    """Whether a name is none of another package's business."""
    return name.startswith("_") and not name.endswith("_") and name not in DOCUMENTED


def private_names(source: str) -> list[str]:
    """Every line that relies on what another package does not promise, and what it relies on."""
    tree = ast.parse(source)
    own = {"self", "cls", "mcs"} | {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)
        for alias in node.names
    }
    return [f"{line}: {name}" for node in ast.walk(tree) for line, name in _of_node(node, own, imported)]


def _of_node(node: ast.AST, own: set[str], imported: set[str]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store() | ast.Del()) if name in imported:
            yield node.lineno, f"{name}.{attribute} = …"
        case ast.Attribute(value=ast.Name(id=name)) if name in own:
            pass
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            pass
        case ast.Attribute(attr=attribute) if is_private(attribute):
            yield node.lineno, f"….{attribute}"
        case ast.Import(names=names):
            yield from ((node.lineno, alias.name) for alias in names if any(map(is_private, alias.name.split("."))))
        case ast.ImportFrom(module=str(module), names=names, level=0):
            parts = [*module.split("."), *(alias.name for alias in names)]
            yield from ((node.lineno, f"{module}: {part}") for part in parts if is_private(part))
        case ast.Call(func=ast.Name(id=function), args=[thing, ast.Constant(value=str(name)), *_]) if (
            function in BY_STRING
        ):
            if is_private(name) and not (isinstance(thing, ast.Name) and thing.id in own):
                yield node.lineno, f'{function}(…, "{name}")'
            elif function in {"setattr", "delattr"} and isinstance(thing, ast.Name) and thing.id in imported:
                yield node.lineno, f'{function}({thing.id}, "{name}")'


if __name__ == "__main__":
    print(json.dumps({name: found for name in sys.argv[1:] if (found := private_names(Path(name).read_text()))}))
