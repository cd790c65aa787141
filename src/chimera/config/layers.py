"""Where settings are read: YAML files, `.env` and variables, merged into one plain tree.

It knows the names of settings only to place variables; what a value must be is `tree`'s business.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from chimera.config.keys import keys_of_variable
from chimera.domain.errors import ConfigError
from chimera.domain.units import lamports_from_sol

Tree = dict[str, Any]


class Layers:
    """The merged tree, and which source each leaf came from."""

    def __init__(self) -> None:
        self.tree: Tree = {}
        self._sources: dict[str, str] = {}

    def add(self, layer: Mapping[str, Any], *, source: str) -> None:
        self._merge(self.tree, layer, "", source)

    def add_variables(self, variables: Mapping[str, str], *, source: str) -> None:
        for name in sorted(variables):
            if keys := keys_of_variable(name, source=source):
                self.add(_nested(keys, variables[name], name, source), source=source)

    def sets(self, key: str) -> bool:
        """Whether any layer gave this key a value."""
        return key in self._sources

    def source_of(self, key: str) -> str:
        """The file or environment that set a key, or something beneath it; "settings" for a default."""
        key = key.partition("[")[0]
        beneath = (source for path, source in self._sources.items() if path.startswith(f"{key}."))
        return self._sources.get(key) or next(beneath, "settings")

    def with_amounts(self) -> Tree:
        """The tree with "0.5 SOL" turned into lamports wherever a name says lamports."""
        turned: Tree = self._amounts(self.tree, "")
        return turned

    def _merge(self, tree: Tree, layer: Mapping[str, Any], at: str, source: str) -> None:
        for key, value in layer.items():
            path = f"{at}{key}"
            if isinstance(value, dict):
                if not isinstance(tree.setdefault(key, {}), dict):
                    tree[key] = {}
                self._merge(tree[key], value, f"{path}.", source)
            else:
                tree[key], self._sources[path] = value, source

    def _amounts(self, tree: Any, at: str) -> Any:
        if not isinstance(tree, dict):
            return tree
        return {key: self._amount(f"{at}{key}", str(key), value) for key, value in tree.items()}

    def _amount(self, path: str, name: str, value: Any) -> Any:
        if "lamports" in name and isinstance(value, str) and (found := _SOL.fullmatch(value)):
            try:
                return lamports_from_sol(found[1])
            except ValueError as error:
                raise ConfigError(f"{self.source_of(path)}: {path}: {error}") from None
        return self._amounts(value, f"{path}.")


def lamports_of(key: str, value: Any) -> Any:
    """Lamports for "0.5 SOL" where the key says lamports; anything else as it came. Raises ConfigError."""
    if "lamports" in key and isinstance(value, str) and (found := _SOL.fullmatch(value)):
        try:
            return lamports_from_sol(found[1])
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from None
    return value


_SOL = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*SOL\s*", re.IGNORECASE)


def read_yaml(path: Path) -> Tree:
    """The mapping in a file; an empty one where the file is empty. Raises ConfigError with the line."""
    try:
        # A SafeLoader underneath: it makes plain values only.
        layer = yaml.load(path.read_text("utf-8"), Loader=_OnceLoader)  # noqa: S506
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise ConfigError(f"{path}: {line}not YAML: {getattr(error, 'problem', error)}") from None
    if layer is None:
        return {}
    if not isinstance(layer, dict):
        raise ConfigError(f"{path}: a settings file is a mapping, such as `risk:` with keys beneath it")
    return layer


class _OnceLoader(yaml.SafeLoader):
    """YAML in which a key may stand once: a second one would silently win."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 (PyYAML's own signature)
    ) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_dotenv(path: Path) -> Iterator[tuple[str, str]]:
    """KEY=VALUE lines; `export` before and quotes around are understood, nothing is expanded."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name.strip()):
            raise ConfigError(f"{path}: line {number} is not KEY=VALUE")
        yield name.strip(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value.partition(" #")[0].rstrip()


def _nested(keys: list[str], text: str, name: str, source: str) -> Tree:
    value: Any = text
    if text[:1] in {"[", "{"}:
        try:
            value = json.loads(text)
        except ValueError:
            raise ConfigError(f"{source}: {name}: not JSON") from None
    for key in reversed(keys[1:]):
        value = {key: value}
    return {keys[0]: value}
