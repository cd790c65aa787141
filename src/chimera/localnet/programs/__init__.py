"""Programs of our own for the embedded chain: small C programs at the real program ids, speaking the real interfaces.

`PROGRAMS` says which program lives where; `program_elf` gives the bytes to load. Each has a folder with its sources
and the built `program.so`, so nobody needs a compiler to run it; `build.py` and `linker.py` make them anew.
Must not know the chain that loads them, nor the venues that call them.
"""

from importlib.resources import files

PROGRAMS = {
    "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8": "raydium_amm_v4",
    "CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C": "raydium_cpmm",
    "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P": "pump_fun",
    "pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA": "pump_swap",
}
"""Program id (base58) -> name of the program."""


def program_elf(name: str) -> bytes:
    """The built program, ready for the loader; raises KeyError for a name that is not one of `PROGRAMS`."""
    if name not in PROGRAMS.values():
        raise KeyError(name)
    return files(__name__).joinpath(name, "program.so").read_bytes()
