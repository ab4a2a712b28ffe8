/**
 * The chat quotas that a permit takes from. They are taken here, after the permit, and not when the command is read.
 * Before, it is unknown whether the actor is a member, and a user outside the chat must neither use up the quota nor
 * learn how busy the chat is.
 *
 * Taken once for each delivery, however often it is decided: a batch that is retried after a store failure, or split,
 * neither counts nor rejects a command twice.
 */
import type { OverQuota, QuotaReservation } from '../ports/quotas.js';

export class ChatAllowance {
  private verdict: OverQuota | null | undefined;
  private isMember = false;

  /** `reservations`: in every quota of the chat that applies to the command. */
  constructor(private readonly reservations: readonly QuotaReservation[]) {}

  /** Takes from all of them or from none. Null if taken. */
  take({ isMember }: { isMember: boolean }): OverQuota | null {
    this.isMember = isMember;
    if (this.verdict === undefined) this.verdict = takeFrom(this.reservations);
    return this.verdict;
  }

  /** Why a member was rejected. Null if no member was, so nothing is known about the members of the chat. */
  get refusedToMember(): OverQuota | null {
    return this.isMember ? (this.verdict ?? null) : null;
  }
}

function takeFrom(reservations: readonly QuotaReservation[]): OverQuota | null {
  let fullest: QuotaReservation | null = null;
  for (const reservation of reservations)
    if (reservation.left === 0 && reservation.waitMs > (fullest?.waitMs ?? 0)) fullest = reservation;
  if (fullest !== null) return { quota: fullest.quota, retryAfterSeconds: Math.ceil(fullest.waitMs / 1000) };
  for (const reservation of reservations) {
    reservation.left -= 1;
    reservation.taken += 1;
  }
  return null;
}

/** The text of the rejection. */
export function describeOverQuota({ quota: { id, limit, per, windowMs } }: OverQuota): string {
  return `quota ${id}: at most ${limit} in ${windowMs / 1000} s for each ${per}`;
}
