"""A gRPC client: creates a group, sends a message, and reads the stream of events until it is there.

protoc --python_out=. -I /usr/include -I PARLEY/proto parley/v1/parley.proto
PARLEY_GRPC=127.0.0.1:50053 PARLEY_TOKEN=... python3 grpc_client.py bob

Needs python3-grpcio, protobuf-compiler and libprotobuf-dev. Without generated stubs, a method is its full name and two functions.
"""

import os
import sys

import grpc
from parley.v1 import parley_pb2 as pb

PACKAGE = "/parley.v1."


class Client:
    def __init__(self, address, token):
        self.channel = grpc.insecure_channel(address)
        self.metadata = [("authorization", f"Bearer {token}")]

    def call(self, service, method, request, timeout=10):
        unary = self.channel.unary_unary(
            f"{PACKAGE}{service}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(pb, f"{method}Response").FromString,
        )
        return unary(request, timeout=timeout, metadata=self.metadata)

    def subscribe(self, since=""):
        stream = self.channel.unary_stream(
            f"{PACKAGE}EventService/Subscribe",
            request_serializer=pb.SubscribeRequest.SerializeToString,
            response_deserializer=pb.SubscribeResponse.FromString,
        )
        # `next` of the last processed response resumes a broken stream.
        return stream(pb.SubscribeRequest(since=since), metadata=self.metadata)


def main():
    client = Client(os.environ["PARLEY_GRPC"], os.environ["PARLEY_TOKEN"])
    created = client.call(
        "CommandService", "CreateChat", pb.CreateChatRequest(kind=pb.CHAT_KIND_GROUP, title="Tea", member_ids=sys.argv[1:])
    )
    chat_id = created.receipt.chat_id
    # The same command id is answered with the same receipt.
    request = pb.SendMessageRequest(chat_id=chat_id, body="hello", command_id="first-message-" + chat_id)
    for _ in range(2):
        receipt = client.call("CommandService", "SendMessage", request).receipt
        print("sent", receipt.sequence, "again" if receipt.replayed else "first")
    try:
        client.call("QueryService", "GetChat", pb.GetChatRequest(chat_id="0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10"))
    except grpc.RpcError as error:
        print("refused", error.code().name)
    stream = client.subscribe()
    for response in stream:
        for item in response.items:
            for event in item.events:
                if event.WhichOneof("data") == "message_created" and item.chat_id == chat_id:
                    print("event", event.sequence, event.message_created.body)
                    stream.cancel()
                    return


main()
