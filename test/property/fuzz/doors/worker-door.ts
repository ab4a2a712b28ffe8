/**
 * A whole worker in this process: each delivery is answered or dead-lettered, and valid commands between them succeed.
 */

import { randomUUID } from 'node:crypto';
import { JwtTokenVerifier } from '../../../../src/adapters/auth/jwt-token-verifier.js';
import { toIncomingCommand } from '../../../../src/adapters/transports/amqp/consume/incoming-command.js';
import { EXAMPLE_CHAT_ID, EXAMPLE_QUESTION_ID } from '../../../../src/contract/examples/commands.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';
import { JwtVerifier } from '../../../../src/infrastructure/jwt.js';
import { SECRET } from '../../../unit/adapters/http/rest-client.js';
import { WorkerHarness } from '../../../unit/application/processing/worker-harness.js';
import { asDelivered, type HostileMessage, hostileMessage, REPLY_TO } from '../hostile-messages.js';
import { BAD_TOKENS, type Tokens, tokens } from '../hostile-tokens.js';
import { refusedBySchema } from './answer-oracle.js';
import { type Door, Finding, type OpenDoor } from './door.js';

const OWN_USER = 'guest';
const ID_PATTERN = new RegExp(EXAMPLE_QUESTION_ID, 'g');

class WorkerDoor implements OpenDoor<HostileMessage> {
  private good = 0;

  private constructor(
    private readonly harness: WorkerHarness,
    private readonly known: Tokens | null,
    private readonly questionId: string,
    /** A chat that no input refers to. */
    private readonly goodChatId: string,
  ) {}

  /** Every second worker requires tokens. */
  static async open(seed: number): Promise<WorkerDoor> {
    const known = seed % 2 === 0 ? null : await tokens();
    const verifier = known === null ? null : new JwtTokenVerifier(new JwtVerifier({ keys: { secret: SECRET } }));
    const harness = await WorkerHarness.open({ verifier });
    const story = (type: string, actorId: string, chatId: string, data: object) => ({
      ...{ type, commandId: `story-${chatId}-${type}`, body: { actorId, chatId, data } },
      properties: { headers: { authorization: `Bearer ${known?.get(actorId)}` } },
    });
    const goodChatId = randomUUID();
    const receipts = await harness.answers(
      story('chat.create', 'alice', EXAMPLE_CHAT_ID, { kind: 'group', memberIds: ['bob', 'carol', 'dave'] }),
      story('message.send', 'alice', EXAMPLE_CHAT_ID, { body: 'Shall we have tea at four, Bob?' }),
      story('chat.create', 'mallory', goodChatId, { kind: 'group', memberIds: [] }),
    );
    return new WorkerDoor(harness, known, receipts[1]?.messageId ?? '', goodChatId);
  }

  async take(inputs: readonly HostileMessage[]): Promise<string[]> {
    const { harness } = this;
    const [hadReceipts, hadTold, hadLines] = [harness.receipts.length, harness.told.length, harness.log.lines.length];
    const given = inputs.map((input, index) => this.incoming(input, index));
    for (const incoming of given) harness.transport.publish(incoming);
    this.good += 1;
    const commandId = `good-${this.good}`;
    harness.publish({
      type: 'message.send',
      commandId,
      body: { actorId: 'mallory', chatId: this.goodChatId, data: { body: 'is this still going?' } },
      properties: { headers: { authorization: `Bearer ${this.known?.get('mallory')}` } },
    });
    const news = () => harness.told.slice(hadTold);
    const deadLettered = () => news().filter((word) => word.startsWith('deadLettered'));
    await harness.until('every delivery is answered or dead-lettered', () => {
      const failed = news().find((word) => word.startsWith('failed') || word.startsWith('leaseAcquired'));
      if (failed !== undefined) throw new Finding(`the worker told: ${failed}`);
      return harness.receipts.length - hadReceipts + deadLettered().length >= inputs.length + 1;
    });
    const receipts = harness.receipts.slice(hadReceipts);
    const dead = deadLettered();
    if (receipts.length + dead.length !== inputs.length + 1) throw new Finding('more answers than deliveries');
    if (dead.some((word) => word !== 'deadLettered malformed')) throw new Finding(`dead-lettered: ${dead}`);
    const errors = harness.log.lines.slice(hadLines).filter((line) => line.includes('"level":"error"'));
    if (errors.length > 0) throw new Finding(`logged: ${errors[0]}`);
    if (receipts.find((receipt) => receipt.commandId === commandId)?.status !== 'accepted')
      throw new Finding('a good command was not accepted');
    for (const receipt of receipts) {
      if (receipt.status !== 'accepted' || receipt.commandId === commandId || receipt.replayed) continue;
      const asked = given.filter(({ messageId }) => messageId === receipt.commandId);
      const refusals = asked.map(({ type, body }) => refusedBySchema(type, body));
      if (!refusals.includes(null)) throw new Finding(`accepted, though the schema refuses it: ${refusals}`);
    }
    const answered = receipts
      .filter((receipt) => receipt.commandId !== commandId)
      .map(({ status, reason }) => (reason === undefined ? status : `rejected ${reason.code}`));
    return [...answered, ...dead.map(() => 'dead letter')];
  }

  async close(): Promise<void> {
    await this.harness.close();
  }

  /** About the existing message; with a token, mostly the actor's, if tokens are required. */
  private incoming(input: HostileMessage, index: number): IncomingCommand {
    const text = input.content.toString('latin1').replace(ID_PATTERN, this.questionId);
    const content = Buffer.from(text, 'latin1');
    const incoming = toIncomingCommand(asDelivered({ ...input, content }), OWN_USER);
    const headers = { ...incoming.headers };
    if (this.known !== null && headers.authorization === undefined) {
      const name = index % 3 === 0 ? BAD_TOKENS[index % BAD_TOKENS.length] : 'alice';
      headers.authorization = `Bearer ${this.known.get(name ?? '')}`;
    }
    return { ...incoming, headers, replyTo: incoming.replyTo ?? REPLY_TO };
  }
}

export const workerDoor: Door<HostileMessage> = {
  name: 'worker',
  input: hostileMessage,
  together: 400,
  perOpening: 3_000,
  watchesStalls: true,
  open: (seed) => WorkerDoor.open(seed),
};
