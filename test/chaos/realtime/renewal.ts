/**
 * A scene of a story: a client renews its token with other claims, by which the policy shows it other chats. After each
 * renewal it must have exactly what sync shows it then, also after a new connection.
 */
import { v4 } from 'uuid';
import { signToken } from '../../../src/infrastructure/jwt.js';
import type { RestStack } from '../../integration/stack/rest/rest-stack.js';
import { eventually } from '../../support/eventually.js';
import { RealtimeTestClient } from '../../support/realtime/realtime-client.js';
import { SECRET } from '../../unit/adapters/http/rest-client.js';
import { differenceFrom, syncedAnew } from './chat-state.js';

/** Takes part in no other scene. With the claim of the same name this user sees no channels. */
const GUEST = 'guest';
const TOKEN_TTL_S = 7_200;

export interface RenewalOptions {
  /** With `policyHidingChannelsFromGuests`. */
  stack: RestStack;
  gatewayUrl(): string;
  owner: string;
  newText(): string;
  /** Time until the client must have its state, in milliseconds. */
  within: number;
}

/** Returns the findings. None: everything held. */
export async function playRenewal({ stack, gatewayUrl, owner, newText, within }: RenewalOptions): Promise<string[]> {
  const ask = async (path: string, json: object) => {
    const headers = { 'idempotency-key': v4() };
    const { status, body } = await stack.post(path, json, { as: owner, headers });
    if (status !== 201) throw new Error(`POST ${path} answers ${status}`);
    return body as { chatId: string };
  };
  const tokenOf = (guest: boolean) =>
    signToken(SECRET, { subject: GUEST, ...(guest ? { claims: { guest } } : {}) }, TOKEN_TTL_S);
  let token = await tokenOf(true);
  let frames = '';
  const client = new RealtimeTestClient({
    ...{ url: gatewayUrl, token: async () => token },
    onText: (frame) => {
      frames += frame;
    },
  });
  const isSettled = async (when: string) => {
    const anew = await syncedAnew((path) => stack.get(path, { token }));
    const hasState = () => {
      const difference = differenceFrom(anew, GUEST, client, true);
      if (difference !== null) throw new Error(difference);
      return true;
    };
    await eventually(hasState, { within, what: `state of ${GUEST} ${when}` });
  };
  const renewAs = async (guest: boolean) => {
    token = await tokenOf(guest);
    client.send({ t: 'auth', token });
  };
  const findings: string[] = [];
  try {
    const chats = { group: '', channel: '' };
    for (const kind of ['group', 'channel'] as const)
      chats[kind] = (await ask('/v1/chats', { kind, memberIds: [GUEST] })).chatId;
    const say = async (kind: 'group' | 'channel') => {
      const body = newText();
      await ask(`/v1/chats/${chats[kind]}/messages`, { body });
      return body;
    };
    const sayInBoth = async () => {
      const hidden = await say('channel');
      // The later one of the two: when it is there, the other one would be, too.
      await say('group');
      return hidden;
    };
    const hidden = [await sayInBoth()];
    await client.connect();
    await isSettled('who sees no channels');
    hidden.push(await sayInBoth());
    await isSettled('who sees no channels, and events came');
    if (hidden.some((text) => frames.includes(text))) findings.push(`${GUEST} got a text of a channel`);
    await renewAs(false);
    await isSettled('who sees channels');
    await sayInBoth();
    await isSettled('who sees channels, and events came');
    await renewAs(true);
    await isSettled('who sees no channels any more');
    frames = '';
    const hiddenAgain = await sayInBoth();
    await isSettled('who sees no channels any more, and events came');
    await client.drop();
    await client.connect();
    await isSettled('after a new connection');
    if (frames.includes(hiddenAgain)) findings.push(`${GUEST} got a text of a channel after the renewal`);
  } catch (error) {
    findings.push((error as Error).message);
  }
  findings.push(...client.faults.map((fault) => `${GUEST}: ${fault}`));
  await client.drop();
  return findings;
}
