"""A producer in Python: creates a chat, sends what it is told to, prints the receipts.

    pip install pika
    AMQP_URL=amqp://... python3 examples/pika_producer.py [chat id [text ...]]

A new chat unless an id is given. Run again with the same id and texts, it is answered as before ("replayed") and nothing happens twice.
"""

import json
import os
import sys
import time
import uuid

import pika

EXCHANGE = os.environ.get("CHAT_NAMESPACE", "chat") + ".commands"
RECEIPT_TIMEOUT_S = 10
TRIES = 3

connection = pika.BlockingConnection(pika.URLParameters(os.environ.get("AMQP_URL", "amqp://127.0.0.1")))
channel = connection.channel()
channel.confirm_delivery()  # basic_publish now waits for the confirm, and raises where the broker refuses or cannot route
receipts = {}


def keep(_channel, _method, properties, body):
    receipts[properties.correlation_id] = json.loads(body)


# Direct reply-to: no queue is declared. It has to be consumed, on this very channel, before anything is published.
channel.basic_consume("amq.rabbitmq.reply-to", keep, auto_ack=True)


def ask(command_type, command_id, actor_id, chat_id, data):
    """Publishes one command and returns its receipt, which is sent only after the effects are committed.

    Receipts are best effort. Where none comes the same id is asked again: it is the idempotency key, so that nothing happens twice.
    """
    for _ in range(TRIES):
        channel.basic_publish(
            exchange=EXCHANGE,
            routing_key=chat_id,  # decides which partition serves the command, and so the order
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
        while command_id not in receipts and time.monotonic() < deadline:
            connection.process_data_events(time_limit=1)  # returns as soon as there is something
        if command_id in receipts:
            return receipts.pop(command_id)
    raise TimeoutError(f"no receipt for {command_id}")


chat = str(uuid.UUID(sys.argv[1]) if len(sys.argv) > 1 else uuid.uuid4())
group = {"kind": "group", "title": "From Python", "memberIds": ["bob"]}
print(json.dumps(ask("chat.create", f"create-{chat}", "alice", chat, group)))
for number, text in enumerate(sys.argv[2:] or ["Hello from Python."]):
    print(json.dumps(ask("message.send", f"text-{number}-{chat}", "alice", chat, {"body": text})))
connection.close()
