"""A dispatch worker in Python: drops repeats, finds gaps, acknowledges what it has dealt with.

    pip install pika
    AMQP_URL=amqp://... python3 examples/pika_dispatch.py [queue]

Run one of it per queue: only the one consumer of a queue sees all events of a chat.
"""

import json
import os
import sys

import pika

NAMESPACE = os.environ.get("CHAT_NAMESPACE", "chat")
QUEUE = sys.argv[1] if len(sys.argv) > 1 else f"{NAMESPACE}.dispatch"
last_sequence = {}


def take(channel, method, _properties, body):
    event = json.loads(body)
    # A store set back to a backup numbers anew, under another source. Profiles and refusals have no sequence.
    chat, sequence = (event["source"], event["partitionkey"]), event.get("sequence")
    last = last_sequence.get(chat)
    if sequence is None or last is None or int(sequence) > last:
        if sequence is not None:
            if last is not None and int(sequence) > last + 1:
                print(f"GAP in chat {chat[1]}: {sequence} follows {last}")
            last_sequence[chat] = int(sequence)
        print(event["type"], event["id"], "for", event["data"].get("recipients"), flush=True)
    channel.basic_ack(method.delivery_tag)


connection = pika.BlockingConnection(pika.URLParameters(os.environ.get("AMQP_URL", "amqp://127.0.0.1")))
channel = connection.channel()
channel.basic_qos(prefetch_count=256)
channel.basic_consume(QUEUE, take)
try:
    channel.start_consuming()
except KeyboardInterrupt:
    connection.close()
