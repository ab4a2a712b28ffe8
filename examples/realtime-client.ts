/**
 * A chat in the terminal: prints what happens in one chat, and sends what you type. It resumes after a lost connection,
 * and keeps what you typed meanwhile.
 *
 *     GATEWAY_URL=ws://… TOKEN=… node dist/examples/realtime-client.js CHAT_ID
 *
 * The chats are in memory here. A browser keeps them with `new ChatStore(new IndexedDbStorage('chat-alice'))`.
 */
import { createInterface } from 'node:readline';
import { ChatStore, connectRealtime } from '@parley-chat/client/realtime';
import { WebSocket } from 'ws';
import { readPositionals, runExample } from './example-program.js';

const USAGE = `Prints what happens in a chat, and sends each line that you type.

  node dist/examples/realtime-client.js CHAT_ID

  GATEWAY_URL   the gateway; default: ws://127.0.0.1:8002
  TOKEN         an access token of the user
`;
const MESSAGES_SHOWN = 20;

await runExample('realtime-client', async () => {
  const [chatId] = readPositionals(USAGE, 1);
  const { GATEWAY_URL: url = 'ws://127.0.0.1:8002', TOKEN: token } = process.env;
  if (chatId === undefined || token === undefined) throw new Error('TOKEN and a chat id are needed; see --help');
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const store = new ChatStore();
  let shown = 0;
  const show = async () => {
    const messages = await store.messages(chatId, { after: shown, limit: Number.MAX_SAFE_INTEGER });
    for (const { sequence, senderId, body } of messages.slice(-MESSAGES_SHOWN)) {
      if (sequence > shown) print(`${sequence} ${senderId}: ${body ?? '(deleted)'}`);
      shown = Math.max(shown, sequence);
    }
  };
  const client = connectRealtime({
    ...{ url, store, token: () => token, webSocket: WebSocket },
    onState: (state) => {
      print(state.kind === 'waiting' || state.kind === 'ended' ? `${state.kind}: ${state.cause.message}` : state.kind);
      if (state.kind === 'live') void show();
      if (state.kind === 'ended') input.close();
    },
    onChanges: () => client.state.kind === 'live' && void show(),
    onError: () => undefined, // `onState` has the cause.
  });
  client.openChat(chatId);
  const input = createInterface({ input: process.stdin });
  for await (const body of input) {
    if (body === '') continue;
    client.send('message.send', { chatId, data: { body } }).then(
      ({ status, reason }) => status === 'rejected' && print(`refused: ${reason?.code}`),
      (error: Error) => print(error.message),
    );
  }
  await client.close();
});
