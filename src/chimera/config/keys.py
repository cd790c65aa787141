"""Which names settings have, and what is said of one that does not exist or may not stand where it stands."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import msgspec

from chimera.config.describe import without_credentials
from chimera.config.secret import Secret
from chimera.config.tree import Settings
from chimera.domain.errors import ConfigError

PREFIX = "CHIMERA_"

StructType = type[msgspec.Struct]


def check_keys(tree: Any, *, source: str) -> None:
    """Raises ConfigError for a key that no setting has, with the nearest that one has."""
    _check(tree, Settings, "", source)


def refuse_secrets(layer: Mapping[str, Any], *, source: str) -> None:
    """Raises ConfigError where a file holds what only the environment may: secrets, and URLs with keys in them."""
    sections = {field.name: struct_of(field.type) for field in msgspec.structs.fields(Settings)}
    for section, part in layer.items():
        inner = sections[section]
        if inner is None or not isinstance(part, dict):
            continue
        for field in msgspec.structs.fields(inner):
            value = part.get(field.name)
            keyed_url = (
                isinstance(value, str) and field.name.endswith("url") and without_credentials(value) != value
            )
            if value and (field.type is Secret or field.name == "api_keys" or keyed_url):
                raise ConfigError(
                    f"{source}: {section}.{field.name} holds a secret; take it out of the file, renew it, and "
                    f"set {variable_of(f'{section}.{field.name}')} in the environment or .env instead"
                )


def keys_of_variable(name: str, *, source: str) -> list[str]:
    """The path that a variable sets; empty for one that is none of ours.

    A single word that is near no setting is left alone: Kubernetes adds CHIMERA_SERVICE_HOST and the like.
    """
    if not name.startswith(PREFIX):
        return []
    keys = name.removeprefix(PREFIX).lower().split("__")
    dotted, known = ".".join(keys), [".".join(path) for path in known_paths(Settings)]
    if dotted in known:
        return keys
    near = difflib.get_close_matches(dotted, known, n=1, cutoff=0.6 if len(keys) > 1 else 0.85)
    if len(keys) == 1 and not near:
        return []
    told = f"; did you mean {variable_of(near[0])}?" if near else ""
    raise ConfigError(f"{source}: {name}: there is no setting {dotted}{told}")


def variable_of(key: str) -> str:
    return f"{PREFIX}{key.replace('.', '__')}".upper()


def known_paths(section: StructType) -> Iterator[tuple[str, ...]]:
    """Every setting's path, sections included; what is inside lists is not."""
    for field in msgspec.structs.fields(section):
        yield (field.name,)
        inner = struct_of(field.type)
        if inner is not None and get_origin(field.type) is not tuple:
            yield from ((field.name, *rest) for rest in known_paths(inner))


def struct_of(kind: Any) -> StructType | None:
    """The section behind a field's type, also behind a tuple of them."""
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _check(tree: Any, section: StructType, at: str, source: str) -> None:
    if not isinstance(tree, dict):
        raise ConfigError(f"{source}: {at.rstrip('.')}: a section with keys beneath it belongs here")
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in tree.items():
        if key not in fields:
            raise ConfigError(f"{source}: unknown key {at}{key}{_suggestion(str(key), at, list(fields))}")
        inner = struct_of(fields[key])
        if inner is None:
            continue
        if get_origin(fields[key]) is tuple:
            for number, item in enumerate(value if isinstance(value, list) else ()):
                _check(item, inner, f"{at}{key}[{number}].", source)
        else:
            _check(value, inner, f"{at}{key}.", source)


def _suggestion(key: str, at: str, beside: list[str]) -> str:
    if near := difflib.get_close_matches(key, beside, n=1, cutoff=0.6):
        return f"; did you mean {at}{near[0]}?"
    known = [".".join(path) for path in known_paths(Settings)]
    elsewhere = [name for name in known if name.rpartition(".")[2] == key]
    if near := elsewhere or difflib.get_close_matches(f"{at}{key}", known, n=1, cutoff=0.6):
        return f"; did you mean {near[0]}?"
    return f"; known here: {', '.join(sorted(beside))}"
