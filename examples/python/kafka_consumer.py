"""A Kafka consumer: prints the messages of all chats, each once and in order.

PARLEY_KAFKA=127.0.0.1:9092 PARLEY_TOPIC=parley.events python3 kafka_consumer.py [COUNT]

Needs python3-confluent-kafka. It reads KAFKA_FORMAT=structured; after COUNT messages it ends.
"""

import json
import os
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer


def begin(consumer, partitions):
    for partition in partitions:
        partition.offset = OFFSET_BEGINNING
    consumer.assign(partitions)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else None
    consumer = Consumer({"bootstrap.servers": os.environ["PARLEY_KAFKA"], "group.id": "messages", "enable.auto.commit": False})
    consumer.subscribe([os.environ["PARLEY_TOPIC"]], on_assign=begin)
    # A real consumer keeps this with its data, in the same transaction.
    last = {}
    while count is None or count > 0:
        record = consumer.poll(10)
        if record is None or record.error():
            continue
        event = json.loads(record.value())
        sequence = event["data"].get("sequence")
        if sequence is not None:
            if sequence <= last.get(event["partitionkey"], 0):
                continue  # a repeat
            last[event["partitionkey"]] = sequence
        if event["type"] == "message.created":
            print(sequence, event["data"]["body"], flush=True)
            if count is not None:
                count -= 1
    consumer.close()


main()
