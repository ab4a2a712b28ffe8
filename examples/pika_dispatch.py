"""A dispatch consumer in Python: drops repeats, detects gaps, acknowledges delivered events.

    pip install pika
    AMQP_URL=amqp://... python3 examples/pika_dispatch.py [queue]

Only the single consumer of a queue sees all events of a chat, so this program waits until the queue has no other
consumer. The sequences are in memory here; a real dispatch consumer stores them together with its deliveries.
"""

import json
import logging
import os
import signal
import sys

if {"-h", "--help"} & set(sys.argv[1:]):
    sys.exit(print(__doc__))
try:
    import pika
except ImportError:
    sys.exit("pika_dispatch: the module pika is missing: pip install pika")

QUEUE = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CHAT_NAMESPACE", "chat") + ".dispatch"
POLL_S = 1
last_sequence = {}
stopping = False
logging.getLogger("pika").addHandler(logging.NullHandler())  # its exceptions contain the same text
logging.getLogger("pika").propagate = False


def stop(*_):
    global stopping
    stopping = True


def take(event):
    # A store restored from a backup restarts its sequences under another source. Profiles and rejections have no
    # sequence.
    chat, sequence = (event["source"], event["partitionkey"]), event.get("sequence")
    if sequence is not None:
        sequence, last = int(sequence), last_sequence.get(chat)
        if last is not None and sequence <= last:
            return  # a repeat
        if last is not None and sequence > last + 1:
            print(f"GAP in chat {chat[1]}: {sequence} follows {last}", flush=True)
        last_sequence[chat] = sequence
    # The place for your delivery code. It prints no texts: message texts do not belong in logs.
    print(event["type"], event["id"], "for", event["data"].get("recipients"), flush=True)


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


def main():
    connection = broker()
    channel = connection.channel()
    while not stopping and channel.queue_declare(QUEUE, passive=True).method.consumer_count > 0:
        print(f"another consumer is active on {QUEUE}: waiting", file=sys.stderr)
        connection.sleep(POLL_S)
    channel.basic_qos(prefetch_count=256)
    for method, _properties, body in channel.consume(QUEUE, inactivity_timeout=POLL_S):
        if stopping:
            # Without close(): it would requeue unacknowledged events one by one, behind waiting ones, so out of order.
            # When the process
            # ends, the broker requeues them in their place.
            sys.exit()
        if method is not None:
            take(json.loads(body))
            channel.basic_ack(method.delivery_tag)
    sys.exit(f"the broker cancelled the consumer of {QUEUE}")


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
try:
    main()
except (pika.exceptions.AMQPError, OSError, ValueError) as error:
    sys.exit(f"pika_dispatch: {describe(error)}")
