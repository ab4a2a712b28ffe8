"""A producer in Python: creates a chat, sends the given texts, prints the receipts.

    pip install pika
    AMQP_URL=amqp://... python3 examples/pika_producer.py [chat id [text ...]]

Creates a new chat if no id is given. A second run with the same id and texts gets the same receipts ("replayed") and
has no second effect.
"""

import json
import logging
import os
import sys
import time
import uuid

if {"-h", "--help"} & set(sys.argv[1:]):
    sys.exit(print(__doc__))
try:
    import pika
except ImportError:
    sys.exit("pika_producer: the module pika is missing: pip install pika")

EXCHANGE = os.environ.get("CHAT_NAMESPACE", "chat") + ".commands"
RECEIPT_TIMEOUT_S = 10
TRIES = 3
logging.getLogger("pika").addHandler(logging.NullHandler())  # its exceptions contain the same text
logging.getLogger("pika").propagate = False


def broker():
    url = os.environ.get("AMQP_URL", "amqp://127.0.0.1")
    if not url.startswith(("amqp://", "amqps://")):
        raise ValueError("AMQP_URL must be a URL that starts with amqp:// or amqps://")
    return pika.BlockingConnection(pika.URLParameters(url))


def describe(error):
    """One line. pika wraps the cause, and some of its errors have no text."""
    inner = getattr(error, "exception", None) or next(iter(error.args), None)
    if isinstance(inner, Exception):
        return describe(inner)
    return " ".join(str(error).split()) or type(error).__name__


class Producer:
    def __init__(self):
        self.connection = broker()
        self.channel = self.connection.channel()
        # basic_publish waits for the confirm, and raises if the broker refuses or cannot route
        self.channel.confirm_delivery()
        self.receipts = {}
        # Direct reply-to: no queue is declared. Consume it on the same channel, before the first publish.
        self.channel.basic_consume("amq.rabbitmq.reply-to", self.keep, auto_ack=True)

    def keep(self, _channel, _method, properties, body):
        self.receipts[properties.correlation_id] = json.loads(body)

    def ask(self, command_type, command_id, actor_id, chat_id, data):
        """Publishes one command and returns its receipt, which is sent only after the effects are committed.

        Receipts are best effort. Without one, the same command id is published again: it is the idempotency key, so
        there is no second effect.
        """
        for _ in range(TRIES):
            self.channel.basic_publish(
                exchange=EXCHANGE,
                routing_key=chat_id,  # selects the partition, and so the order
                body=json.dumps({"actorId": actor_id, "chatId": chat_id, "data": data}),
                properties=pika.BasicProperties(
                    type=command_type,
                    message_id=command_id,
                    correlation_id=command_id,
                    content_type="application/json",
                    reply_to="amq.rabbitmq.reply-to",
                    delivery_mode=2,  # persistent
                ),
                mandatory=True,
            )
            deadline = time.monotonic() + RECEIPT_TIMEOUT_S
            while command_id not in self.receipts and time.monotonic() < deadline:
                self.connection.process_data_events(time_limit=1)  # returns as soon as an event arrives
            if command_id in self.receipts:
                return self.receipts.pop(command_id)
        raise TimeoutError(f"no receipt for {command_id}")


def main():
    try:
        chat = str(uuid.UUID(sys.argv[1]) if len(sys.argv) > 1 else uuid.uuid4())
    except ValueError:
        sys.exit(f"pika_producer: the chat id must be a UUID, and {sys.argv[1]} is not; see --help")
    producer = Producer()
    group = {"kind": "group", "title": "From Python", "memberIds": ["bob"]}
    print(json.dumps(producer.ask("chat.create", f"create-{chat}", "alice", chat, group)))
    for number, text in enumerate(sys.argv[2:] or ["Hello from Python."]):
        print(json.dumps(producer.ask("message.send", f"text-{number}-{chat}", "alice", chat, {"body": text})))
    producer.connection.close()


try:
    main()
except (pika.exceptions.AMQPError, OSError, ValueError) as error:
    sys.exit(f"pika_producer: {describe(error)}")
