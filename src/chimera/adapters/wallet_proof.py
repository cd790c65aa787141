"""Whether a Solana wallet signed a message: Ed25519 as libsodium checks it, small-order keys refused."""

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import VerifyKey

from chimera.domain.errors import ChimeraError
from chimera.domain.ids import Address
from chimera.onchain.keys import address_bytes

SIGNATURE_LENGTH = 64


def signed_by(address: str, message: bytes, signature: bytes) -> bool:
    """`ports.identity.SignedBy`."""
    if len(signature) != SIGNATURE_LENGTH:
        return False
    try:
        VerifyKey(address_bytes(Address(address))).verify(message, signature)
    except (BadSignatureError, CryptoError, ChimeraError, ValueError, TypeError):
        return False
    return True
