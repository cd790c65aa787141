"""Settings that a person changes for one run, told by the option that said them instead of by a variable."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from chimera.config import Settings, load
from chimera.config.keys import known_paths, variable_of
from chimera.domain.errors import ConfigError

SOURCE = "environment: "
"""How the loading of settings begins what it says of variables."""


def laid_over(
    changed: Mapping[str, str], files: Iterable[Path], environ: Mapping[str, str], *, option: str
) -> dict[str, str]:
    """The environment with these settings in it; raises ConfigError that names the option and the key."""
    files = list(files)
    known = {".".join(path) for path in known_paths(Settings)}
    values = [name for name in sorted(known) if "." in name]
    for key, value in changed.items():
        if key not in known:
            near = difflib.get_close_matches(key, values, n=1, cutoff=0.6)
            told = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"{option} {key}={value}: there is no such setting{told}")
    whole = {**environ, **{variable_of(key): value for key, value in changed.items()}}
    try:
        load(files, whole)
    except ConfigError:
        for key, value in changed.items():
            try:
                load(files, {**environ, variable_of(key): value})
            except ConfigError as error:
                raise ConfigError(f"{option} {key}={value}: {str(error).removeprefix(SOURCE)}") from None
        raise
    return whole
