"""A producer in Python: creates a chat, sends a message, prints the receipts.

    pip install pika
    AMQP_URL=amqp://... python3 examples/pika_producer.py
"""

import json
import os
import uuid

import pika

NAMESPACE = os.environ.get("CHAT_NAMESPACE", "chat")
RECEIPT_TIMEOUT_S = 10

connection = pika.BlockingConnection(pika.URLParameters(os.environ.get("AMQP_URL", "amqp://127.0.0.1")))
channel = connection.channel()
channel.confirm_delivery()  # basic_publish now raises where the broker refuses or cannot route
receipts = {}


def keep(_channel, _method, properties, body):
    receipts[properties.correlation_id] = json.loads(body)


channel.basic_consume("amq.rabbitmq.reply-to", keep, auto_ack=True)


def ask(command_type, actor_id, chat_id, data, command_id=None):
    """Publishes one command and returns its receipt. The routing key is the chat id."""
    command_id = command_id or str(uuid.uuid4())
    channel.basic_publish(
        exchange=f"{NAMESPACE}.commands",
        routing_key=chat_id,
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
    connection.process_data_events(time_limit=0)
    waited_s = 0.0
    while command_id not in receipts and waited_s < RECEIPT_TIMEOUT_S:
        connection.process_data_events(time_limit=0.1)
        waited_s += 0.1
    return receipts.pop(command_id, None)


chat = str(uuid.uuid4())
print(ask("chat.create", "alice", chat, {"kind": "group", "title": "From Python", "memberIds": ["bob"]}))
print(ask("message.send", "alice", chat, {"body": "Hello from Python."}, command_id=f"hello-{chat}"))
print(ask("message.send", "alice", chat, {"body": "Hello from Python."}, command_id=f"hello-{chat}"))  # replayed
connection.close()
