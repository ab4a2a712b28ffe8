import { setImmediate } from 'node:timers/promises';
import type { CommandIdentity, identifyCommand } from '../../contract/messages/decode-command.js';
import { type Reason, refusal } from '../../contract/messages/problems.js';
import type { Claims } from '../../domain/user.js';
import { bearerToken, type TokenVerifier } from '../ports/token-verifier.js';
import type { Delivery } from '../ports/transport/transport.js';
import type { BatchItem } from '../snapshot/batch-item.js';
import type { IdentifiedCommand, RateVerdict } from './rate-limiter.js';

/**
 * The event loop gets a turn after this many bytes of bodies, so that heartbeats and confirms are handled in between.
 */
export const READ_AT_A_TIME_BYTES = 512 * 1024;

export interface MalformedCommand {
  delivery: Delivery;
  detail: string;
}

/** A command with a known identity whose body is not decoded yet. */
interface UndecodedCommand extends IdentifiedCommand {
  decode: Identification['decode'];
  token: BatchItem['token'];
}

type Identification = Exclude<ReturnType<typeof identifyCommand>, { outcome: 'malformed' }>;

export interface RefusedCommand {
  delivery: Delivery;
  identity: CommandIdentity;
  reason: Reason;
}

export interface ReadCommands {
  items: BatchItem[];
  /** Commands that exceed a quota. */
  refused: RefusedCommand[];
  malformed: MalformedCommand[];
}

/**
 * How commands are read and their actors authenticated. `verifier` is null if producers are trusted
 * (`COMMAND_AUTH=producer`).
 */
export interface CommandReader {
  identify: typeof identifyCommand;
  verifier: TokenVerifier | null;
  /**
   * `TOKEN_EXPIRY_GRACE` in seconds: a token that expired by less than this, while its command waited, is still valid.
   */
  tokenGraceSeconds: number;
}

/** Sets `unauthenticated` if the actor is not authenticated, else the claims of the token. */
async function authenticate(command: UndecodedCommand, verifier: TokenVerifier, graceSeconds: number): Promise<void> {
  const verified = await verifyActor(command, verifier, graceSeconds);
  if ('code' in verified) command.unauthenticated = verified;
  else command.token = verified.claims;
}

async function verifyActor(
  { delivery, identity }: UndecodedCommand,
  verifier: TokenVerifier,
  graceSeconds: number,
): Promise<Reason | { claims: Claims }> {
  const { authorization } = delivery.incoming.headers;
  const token = typeof authorization === 'string' ? bearerToken(authorization) : null;
  if (token === null) return refusal('unauthenticated', 'the header authorization with a bearer token is missing');
  const verdict = await verifier.verify(token, { graceSeconds });
  if (!verdict.ok) return refusal('unauthenticated', verdict.reason);
  const { tenantId, actorId } = identity;
  if (verdict.actor.tenantId !== tenantId || verdict.actor.userId !== actorId)
    return refusal('unauthenticated', 'the token is for another actor');
  return { claims: verdict.claims };
}

class ByteBudget {
  private bytes = 0;

  /** True if the event loop must get a turn before this delivery. */
  isExceededBy({ incoming }: Delivery): boolean {
    this.bytes += incoming.body.byteLength;
    if (this.bytes <= READ_AT_A_TIME_BYTES) return false;
    this.bytes = 0;
    return true;
  }
}

/**
 * Reads each command on its own: a malformed command does not affect the others. Commands that exceed a quota are not
 * decoded. Rejects only if tokens cannot be checked because keys are missing; the batch is then retried.
 */
export async function readCommands(
  partition: number,
  deliveries: readonly Delivery[],
  reader: CommandReader,
  checkRates: (commands: readonly IdentifiedCommand[]) => Promise<readonly RateVerdict[]>,
): Promise<ReadCommands> {
  const undecoded: UndecodedCommand[] = [];
  const malformed: MalformedCommand[] = [];
  const identifying = new ByteBudget();
  for (const delivery of deliveries) {
    if (identifying.isExceededBy(delivery)) await setImmediate();
    const identified = reader.identify(delivery.incoming);
    if (identified.outcome === 'malformed') malformed.push({ delivery, detail: identified.detail });
    else undecoded.push({ delivery, ...identified, unauthenticated: null, token: null });
  }
  const { verifier, tokenGraceSeconds } = reader;
  if (verifier !== null)
    await Promise.all(undecoded.map((command) => authenticate(command, verifier, tokenGraceSeconds)));
  const verdicts = await checkRates(undecoded);
  const items: BatchItem[] = [];
  const refused: RefusedCommand[] = [];
  const decoding = new ByteBudget();
  for (const [index, { delivery, identity, decode, unauthenticated, token }] of undecoded.entries()) {
    const { reason = null, allowance = null } = verdicts[index] ?? {};
    if (reason !== null) {
      refused.push({ delivery, identity, reason });
      continue;
    }
    if (decoding.isExceededBy(delivery)) await setImmediate();
    items.push({ partition, delivery, decoded: decode(), unauthenticated, token, allowance });
  }
  return { items, refused, malformed };
}
