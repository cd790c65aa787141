"""How transactions land in a simulation, from the command line: the same words for backtests and for paper."""

from typing import TYPE_CHECKING, Annotated

import typer

from chimera.domain.errors import ConfigError
from chimera.domain.units import BPS

if TYPE_CHECKING:
    from chimera.sim.landing import LandingModel

Landing = Annotated[
    list[str] | None,
    typer.Option(
        help="A part of how simulated trades land, as in dropped_bps=1000 or slots_max=5; again for more.",
        metavar="KEY=VALUE",
    ),
]


def landing_model(given: list[str] | None) -> "LandingModel":
    """The quiet day's with these parts changed; raises ConfigError, which names what may be said."""
    import msgspec

    from chimera.sim.landing import LandingModel

    known = ", ".join(LandingModel.__struct_fields__)
    try:
        model = msgspec.convert(pairs("--landing", given), LandingModel, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--landing: {error}; there are {known}") from None
    if model.slots_min < 0 or model.slots_max < model.slots_min:
        raise ConfigError("--landing: slots_max must not be below slots_min, nor slots_min below 0")
    if not 0 <= model.dropped_bps <= BPS:
        raise ConfigError(f"--landing dropped_bps={model.dropped_bps}: from 0 to {BPS}, which is all of them")
    if model.tip_median_lamports < 0 or not 0 <= model.confirmed_after <= model.finalized_after:
        raise ConfigError("--landing: no tip below 0, and confirmed_after from 0 up to finalized_after")
    return model


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """KEY=VALUE texts as a mapping; raises ConfigError."""
    found = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"{option} {text}: wanted is KEY=VALUE")
        found[key] = value
    return found
