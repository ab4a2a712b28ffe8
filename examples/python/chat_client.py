"""A chat in Python: prints each event once, resumes after a lost connection, sends the texts given as arguments.

    apt install python3-websockets
    GATEWAY_URL=ws://127.0.0.1:8002 TOKEN=... python3 examples/python/chat_client.py CHAT_ID [text ...]
"""
import asyncio, json, os, random, sys, websockets

if {"-h", "--help"} & set(sys.argv[1:]) or len(sys.argv) < 2:
    sys.exit(print(__doc__))
URL = os.environ.get("GATEWAY_URL", "ws://127.0.0.1:8002") + "/v1/realtime"
CHAT = sys.argv[1]
DO_NOT_RETRY = {1009, 4400, 4401, 4403, 4413}  # 4401: get another token, then retry
commands = {f"text-{i}-{CHAT}": text for i, text in enumerate(sys.argv[2:])}  # by id, until their receipts come
last = {}  # chat id -> last applied sequence. A real client stores it, the token and its messages in one transaction
token = None  # where to resume: `next` of the last page, or the last mark

def apply(event):
    chat, sequence = event["data"].get("chatId"), event["data"].get("sequence")
    if sequence is not None and event["type"] != "command.rejected":
        if sequence <= last.get(chat, 0):
            return  # a repeat
        if chat in last and sequence > last[chat] + 1:
            raise ConnectionError("a gap")  # the walk from the last token fills it
        last[chat] = sequence
    print(event["type"], event["id"], json.dumps(event["data"].get("body")), flush=True)

async def converse(socket):
    global token
    send = lambda **frame: socket.send(json.dumps(frame))
    await send(t="auth", token=os.environ["TOKEN"], **({"since": token} if token else {}))
    silence_s = 15
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), silence_s))
        match frame["t"]:
            case "hello":
                silence_s = 2.5 * frame["heartbeatMs"] / 1000
            case "sync":
                for item in frame["page"]["items"]:
                    if item.get("left") or item["reset"]:
                        last.pop(item["chatId"], None)  # drop the copy of the chat
                    for event in item.get("events", []):
                        apply(event)
                token = frame["page"]["next"]
                for id, text in {} if frame["page"]["hasMore"] else commands.items():  # live
                    await send(t="command", id=id, type="message.send", chatId=CHAT, data={"body": text})
            case "event":
                apply(frame["event"])
            case "mark":
                token = frame["token"]
            case "resync" if frame["scope"] == "all":
                last.clear()
                token = None
            case "receipt":
                commands.pop(frame["id"], None)
                print("receipt", frame["id"], frame["receipt"]["status"], flush=True)
        if "n" in frame:
            await send(t="ack", n=frame["n"])  # everything up to here is processed

async def main():
    while True:
        try:
            async with websockets.connect(URL, subprotocols=["parley.v1"], max_size=None) as socket:
                await converse(socket)
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
            code = getattr(error, "code", None)
            print("away:", code or error, file=sys.stderr, flush=True)
            if code in DO_NOT_RETRY: sys.exit(1)
        await asyncio.sleep(random.random() * 5)  # better: full jitter that doubles, and `retryAfterMs` of `bye`

asyncio.run(main())
