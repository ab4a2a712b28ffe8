import { parseArgs } from 'node:util';
import type { PeerOptions } from './peer.js';

export interface AloneOptions extends PeerOptions {
  messages: number;
  rounds: number;
}

export const HELP = `Measures how many messages per second ejabberd archives in PostgreSQL and delivers, on private services.

  node dist/bench/ejabberd.js [options]

  --messages N       messages per round (default: 20000)
  --rounds N         rounds; figures are medians over them (default: 3)
  --rooms            in rooms of two instead of one-to-one
  --zipf             pick conversations by Zipf 1.0, like Parley's chats, instead of uniformly
  --clients N        clients, all online (default: 400)
  --conversations N  conversations, each between two clients (default: 2000)
  --in-flight N      messages in flight (default: 2000)
  --help

Needs an installed ejabberd (Debian: apt-get install ejabberd erlang-p1-pgsql). Exits with 1 if a ledger did
not close: a round in which a message was not archived or delivered exactly once is void.
`;

/** Null: help was asked for. Throws an error of one line for unknown options and values. */
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
