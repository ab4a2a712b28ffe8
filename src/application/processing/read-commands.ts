import { setImmediate } from 'node:timers/promises';
import type { CommandIdentity, identifyCommand } from '../../contract/messages/decode-command.js';
import { type Reason, refusal } from '../../contract/messages/problems.js';
import type { Claims } from '../../domain/user.js';
import { bearerToken, type TokenVerifier } from '../ports/token-verifier.js';
import type { Delivery } from '../ports/transport.js';
import type { BatchItem } from '../snapshot/batch-item.js';
import type { Claim, GateVerdict } from './rate-limiter.js';

/** So many bytes of bodies are read in one turn of the event loop; heartbeats and confirms go on in between. */
export const READ_AT_A_TIME_BYTES = 512 * 1024;

export interface MalformedCommand {
  delivery: Delivery;
  detail: string;
}

/** A command whose actor is proven or not, and of which nothing else is known. */
interface ClaimedCommand extends Claim {
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
  /** Over a quota. */
  refused: RefusedCommand[];
  malformed: MalformedCommand[];
}

/** How commands are read and their actors proven; `proof` is null where producers are trusted (`COMMAND_AUTH=producer`). */
export interface CommandReader {
  identify: typeof identifyCommand;
  proof: TokenVerifier | null;
  /** `TOKEN_EXPIRY_GRACE`: a token that expired by less than this while its command waited still proves the actor. */
  proofGraceSeconds: number;
}

/** Marks the command as unproven, or notes what its token says. */
async function prove(command: ClaimedCommand, proof: TokenVerifier, graceSeconds: number): Promise<void> {
  const proven = await judge(command, proof, graceSeconds);
  if ('code' in proven) command.unproven = proven;
  else command.token = proven.claims;
}

async function judge(
  { delivery, identity }: ClaimedCommand,
  proof: TokenVerifier,
  graceSeconds: number,
): Promise<Reason | { claims: Claims }> {
  const { authorization } = delivery.incoming.headers;
  const token = typeof authorization === 'string' ? bearerToken(authorization) : null;
  if (token === null) return refusal('unauthenticated', 'the header authorization with a bearer token is missing');
  const verdict = await proof.verify(token, { graceSeconds });
  if (!verdict.ok) return refusal('unauthenticated', verdict.reason);
  const { tenantId, actorId } = identity;
  if (verdict.actor.tenantId !== tenantId || verdict.actor.userId !== actorId)
    return refusal('unauthenticated', 'the token is for another actor');
  return { claims: verdict.claims };
}

class Stretch {
  private bytes = 0;

  /** Whether the event loop is to have its turn before this one. */
  isFullAt({ incoming }: Delivery): boolean {
    this.bytes += incoming.body.byteLength;
    if (this.bytes <= READ_AT_A_TIME_BYTES) return false;
    this.bytes = 0;
    return true;
  }
}

/**
 * Reads each command on its own: a bad one is set aside, the rest go on. What is over a quota is not looked into any further. Rejects only if
 * tokens cannot be checked for want of keys: then the batch waits.
 */
export async function readCommands(
  deliveries: readonly Delivery[],
  reader: CommandReader,
  judge: (claims: readonly Claim[]) => Promise<readonly GateVerdict[]>,
): Promise<ReadCommands> {
  const claimed: ClaimedCommand[] = [];
  const malformed: MalformedCommand[] = [];
  const identifying = new Stretch();
  for (const delivery of deliveries) {
    if (identifying.isFullAt(delivery)) await setImmediate();
    const identified = reader.identify(delivery.incoming);
    if (identified.outcome === 'malformed') malformed.push({ delivery, detail: identified.detail });
    else claimed.push({ delivery, ...identified, unproven: null, token: null });
  }
  const { proof, proofGraceSeconds } = reader;
  if (proof !== null) await Promise.all(claimed.map((command) => prove(command, proof, proofGraceSeconds)));
  const verdicts = await judge(claimed);
  const items: BatchItem[] = [];
  const refused: RefusedCommand[] = [];
  const decoding = new Stretch();
  for (const [index, { delivery, identity, decode, unproven, token }] of claimed.entries()) {
    const { reason = null, allowance = null } = verdicts[index] ?? {};
    if (reason !== null) {
      refused.push({ delivery, identity, reason });
      continue;
    }
    if (decoding.isFullAt(delivery)) await setImmediate();
    items.push({ delivery, decoded: decode(), unproven, token, allowance });
  }
  return { items, refused, malformed };
}
