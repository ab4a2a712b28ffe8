import { zipf } from '../population/zipf.js';
import { DOMAIN, ROOMS_DOMAIN } from './node-settings.js';
import { joining, message } from './stanzas.js';

const BODY_BYTES = 200;

/** The two clients of a conversation. In a room, they are its only occupants. */
export interface Conversation {
  index: number;
  /** Numbers of the two clients. */
  members: [number, number];
}

export interface Sending {
  id: string;
  sender: number;
  receiver: number;
  stanza: string;
}

export function userName(client: number): string {
  return `u${client}`;
}

/** `count` pairs of different clients, all clients in about as many pairs: clients in a ring, next neighbours first. */
export function makeConversations(count: number, clients: number): Conversation[] {
  const most = clients * Math.floor((clients - 1) / 2);
  if (count > most) throw new Error(`${clients} clients make up to ${most} conversations`);
  return Array.from({ length: count }, (_, index) => {
    const first = index % clients;
    const distance = 1 + Math.floor(index / clients);
    return { index, members: [first, (first + distance) % clients] };
  });
}

function roomName({ index }: Conversation): string {
  return `r${index}@${ROOMS_DOMAIN}`;
}

export function joiningOf(conversation: Conversation, client: number): string {
  return joining(roomName(conversation), userName(client));
}

/**
 * Messages of 200 bytes that begin with their ids, by which the rows of the archive are counted. The two clients of a
 * conversation alternate.
 */
export function* messages(
  conversations: readonly Conversation[],
  options: { count: number; prefix: string; isZipf: boolean; inRooms: boolean },
): Generator<Sending> {
  const pick = options.isZipf ? zipf(conversations.length) : () => Math.floor(Math.random() * conversations.length);
  for (let index = 0; index < options.count; index += 1) {
    const conversation = conversations[pick()];
    if (conversation === undefined) throw new Error('there is no conversation');
    const [one, other] = conversation.members;
    const [sender, receiver] = index % 2 === 0 ? [one, other] : [other, one];
    const id = `${options.prefix}${index}`;
    const body = `${id} `.padEnd(BODY_BYTES, 'x');
    const stanza = options.inRooms
      ? message(roomName(conversation), 'groupchat', id, body)
      : message(`${userName(receiver)}@${DOMAIN}`, 'chat', id, body);
    yield { id, sender, receiver, stanza };
  }
}
