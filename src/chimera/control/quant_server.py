"""The reference quantitative engine's door: the ranking as it is now, for whoever has the key.

Must not know where figures come from nor how trust is worked out: it is given the ranking.
"""

import hmac
from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chimera.domain.allocation import Ranking
from chimera.domain.errors import ConfigError

KEY_CHARACTERS_MIN = 16


class QuantServer:
    def __init__(self, ranking: Callable[[], Ranking], *, key: str) -> None:
        """`ranking` may read files and raises ConfigError where it cannot. Raises ConfigError for a key that could
        be guessed, and where there is no ranking already now.
        """
        if len(key) < KEY_CHARACTERS_MIN:
            raise ConfigError(f"the engine's key needs at least {KEY_CHARACTERS_MIN} characters")
        self._ranking, self._expected = ranking, f"Bearer {key}".encode()
        ranking()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/health", self._health), Route("/api/v1/ranking", self._ranked)])

    def _health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    def _ranked(self, request: Request) -> Response:
        """In a thread of Starlette's own: files are read here."""
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            return _json({"error": "the key is missing or wrong"}, status=401)
        try:
            ranking = self._ranking()
        except ConfigError as error:
            return _json({"error": str(error)}, status=503)
        traders = [
            {"trader": one.trader, "trust_score": one.trust / 100, "allocation_bps": one.weights_bps}
            for one in ranking.traders
        ]
        return _json({"generated_at_ms": ranking.at_ms, "traders": traders})


def _json(told: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(told), status, media_type="application/json")
