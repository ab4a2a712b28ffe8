import { parseArgs } from 'node:util';
import type { PeerOptions } from './peer.js';

export interface AloneOptions extends PeerOptions {
  messages: number;
  rounds: number;
}

export const HELP = `Measures how many messages a second ejabberd archives in PostgreSQL and delivers, on private services of this machine.

  node dist/bench/ejabberd.js [options]

  --messages N       messages a round (default: 20000)
  --rounds N         rounds; figures are medians over them (default: 3)
  --rooms            in rooms of two, and not one-to-one
  --zipf             conversations by Zipf 1.0, as Parley's chats in the bench, and not all alike
  --clients N        clients that are online (default: 400)
  --conversations N  between two of them each (default: 2000)
  --in-flight N      messages on their way at any time (default: 2000)
  --help

Needs an installed ejabberd (Debian: apt-get install ejabberd erlang-p1-pgsql). Exits with 1 where a ledger did not close: a round in which
a message was not archived or not delivered, or was so twice, is void.
`;

/** Null: help was asked for. Throws with one line on anything it does not know. */
export function readOptions(args: string[]): AloneOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: '3' },
      rooms: { type: 'boolean', default: false },
      zipf: { type: 'boolean', default: false },
      clients: { type: 'string', default: '400' },
      conversations: { type: 'string', default: '2000' },
      'in-flight': { type: 'string', default: '2000' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const positive = (name: string, text: string) => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above 0`);
    return Number(text);
  };
  return {
    messages: positive('messages', values.messages),
    rounds: positive('rounds', values.rounds),
    clients: positive('clients', values.clients),
    conversations: positive('conversations', values.conversations),
    inFlight: positive('in-flight', values['in-flight']),
    inRooms: values.rooms,
    isZipf: values.zipf,
  };
}
