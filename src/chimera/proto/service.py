"""The methods of the `geyser.Geyser` gRPC service: path, request, response.

Stands in for generated stubs, which carry no types. Client and server both read this table, so a name cannot
drift apart between them.
"""

from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import Message

from chimera.proto import geyser_pb2 as pb

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

SERVICE = "geyser.Geyser"


class Method(NamedTuple, Generic[Request, Response]):
    name: str
    request: type[Request]
    response: type[Response]

    @property
    def path(self) -> str:
        """As it stands in the HTTP/2 request."""
        return f"/{SERVICE}/{self.name}"


SUBSCRIBE = Method("Subscribe", pb.SubscribeRequest, pb.SubscribeUpdate)
"""The only streaming one, both ways."""

SUBSCRIBE_REPLAY_INFO = Method(
    "SubscribeReplayInfo", pb.SubscribeReplayInfoRequest, pb.SubscribeReplayInfoResponse
)
PING = Method("Ping", pb.PingRequest, pb.PongResponse)
GET_LATEST_BLOCKHASH = Method(
    "GetLatestBlockhash", pb.GetLatestBlockhashRequest, pb.GetLatestBlockhashResponse
)
GET_BLOCK_HEIGHT = Method("GetBlockHeight", pb.GetBlockHeightRequest, pb.GetBlockHeightResponse)
GET_SLOT = Method("GetSlot", pb.GetSlotRequest, pb.GetSlotResponse)
IS_BLOCKHASH_VALID = Method("IsBlockhashValid", pb.IsBlockhashValidRequest, pb.IsBlockhashValidResponse)
GET_VERSION = Method("GetVersion", pb.GetVersionRequest, pb.GetVersionResponse)
