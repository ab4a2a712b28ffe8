"""A bot that answers each message: webhook in, REST out (docs/bots.md).

It reads WEBHOOK_SECRET, PARLEY_URL, PARLEY_KEY, BOT_ID and PORT.
"""
import base64, hashlib, hmac, json, os, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
URL = os.environ.get("PARLEY_URL", "http://127.0.0.1:8002")
TOLERANCE_SECONDS = 300


def is_signed(headers, body):
    """Standard Webhooks: any of the signatures, over id, time and body. An old request may be a replay of a stranger."""
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
    return any(hmac.compare_digest(expected, given) for given in headers["webhook-signature"].split())


def handle(headers, body):
    """The status for Parley: 2xx is done; 5xx comes again. The key makes a repeated answer harmless."""
    if not is_signed(headers, body):
        return 401
    event = json.loads(body)
    data = event["data"]
    if event["type"] != "message.created" or data["senderId"] == os.environ["BOT_ID"] or data["body"] is None:
        return 204
    answer = {"body": f"You said: {data['body']}", "inReplyTo": data["messageId"]}
    request = urllib.request.Request(f"{URL}/v1/chats/{data['chatId']}/messages", json.dumps(answer).encode(), {
        "authorization": f"Bearer {os.environ['PARLEY_KEY']}", "content-type": "application/json",
        "idempotency-key": "answer:" + event["id"].replace("/", ":")})
    try:
        return urllib.request.urlopen(request).status and 204
    except urllib.error.HTTPError as refused:
        return 204 if refused.code in (403, 404) else 503


class Hooks(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(handle(self.headers, self.rfile.read(int(self.headers["content-length"]))))
        self.end_headers()


print("listening on", os.environ["PORT"], flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hooks).serve_forever()
