import { setImmediate } from 'node:timers/promises';
import type { decodeCommand } from '../../contract/decode-command.js';
import { type Reason, refusal } from '../../contract/problems.js';
import type { Claims } from '../../domain/user.js';
import { type BatchItem, identityOf } from '../batch/batch-item.js';
import { type ActorProof, bearerToken } from '../ports/actor-proof.js';
import type { Delivery } from '../ports/transport.js';

/** So many bytes of bodies are read in one turn of the event loop; heartbeats and confirms go on in between. */
export const READ_AT_A_TIME_BYTES = 512 * 1024;

export interface MalformedCommand {
  delivery: Delivery;
  detail: string;
}

export interface ReadCommands {
  items: BatchItem[];
  malformed: MalformedCommand[];
}

/** How commands are read and their actors proven; `proof` is null where producers are trusted (`ACTOR_PROOF=producer`). */
export interface CommandReader {
  decode: typeof decodeCommand;
  proof: ActorProof | null;
  /** `ACTOR_PROOF_GRACE`: a token that expired by less than this while its command waited still proves the actor. */
  proofGraceSeconds: number;
}

/** Marks the item as unproven, or notes what its token says. */
async function prove(item: BatchItem, proof: ActorProof, graceSeconds: number): Promise<void> {
  const proven = await judge(item, proof, graceSeconds);
  if ('code' in proven) item.unproven = proven;
  else item.token = proven.claims;
}

async function judge(item: BatchItem, proof: ActorProof, graceSeconds: number): Promise<Reason | { claims: Claims }> {
  const { authorization } = item.delivery.incoming.headers;
  const token = typeof authorization === 'string' ? bearerToken(authorization) : null;
  if (token === null) return refusal('unauthenticated', 'the header authorization with a bearer token is missing');
  const verdict = await proof.verify(token, { graceSeconds });
  if (!verdict.ok) return refusal('unauthenticated', verdict.reason);
  const { tenantId, actorId } = identityOf(item);
  if (verdict.actor.tenantId !== tenantId || verdict.actor.userId !== actorId)
    return refusal('unauthenticated', 'the token is for another actor');
  return { claims: verdict.claims };
}

/**
 * Reads each command on its own: a bad one is set aside, the rest go on. Rejects only if tokens cannot be checked for want of
 * keys: then the batch waits.
 */
export async function readCommands(deliveries: readonly Delivery[], reader: CommandReader): Promise<ReadCommands> {
  const items: BatchItem[] = [];
  const malformed: MalformedCommand[] = [];
  let bytes = 0;
  for (const delivery of deliveries) {
    bytes += delivery.incoming.body.byteLength;
    if (bytes > READ_AT_A_TIME_BYTES) {
      bytes = 0;
      await setImmediate();
    }
    const decoded = reader.decode(delivery.incoming);
    if (decoded.outcome === 'malformed') malformed.push({ delivery, detail: decoded.detail });
    else items.push({ delivery, decoded, unproven: null, token: null });
  }
  const { proof, proofGraceSeconds } = reader;
  if (proof !== null) await Promise.all(items.map((item) => prove(item, proof, proofGraceSeconds)));
  return { items, malformed };
}
