/**
 * What a permit is bound to: room in the quotas of the chat. It is taken here, after the yes, and not when the command is read: until then it is
 * not known who is in the chat, and a stranger must neither use it up nor learn from it how busy the chat is.
 *
 * Judged once for each delivery, whatever is decided about it again: a batch that is run again after trouble with the store, or split, neither
 * counts nor refuses a command twice.
 */
import type { OverQuota, QuotaReservation } from '../ports/quotas.js';

export class ChatAllowance {
  private verdict: OverQuota | null | undefined;
  private isMember = false;

  /** `rooms`: in every quota of the chat that concerns the command. */
  constructor(private readonly reservations: readonly QuotaReservation[]) {}

  /** Takes from all of them or from none; null: taken. */
  take({ isMember }: { isMember: boolean }): OverQuota | null {
    this.isMember = isMember;
    if (this.verdict === undefined) this.verdict = takeFrom(this.reservations);
    return this.verdict;
  }

  /** Why a member was refused; null: none was, so that nothing is known of who is in the chat. */
  get refusedToMember(): OverQuota | null {
    return this.isMember ? (this.verdict ?? null) : null;
  }
}

function takeFrom(rooms: readonly QuotaReservation[]): OverQuota | null {
  let fullest: QuotaReservation | null = null;
  for (const room of rooms) if (room.left === 0 && room.waitMs > (fullest?.waitMs ?? 0)) fullest = room;
  if (fullest !== null) return { quota: fullest.quota, retryAfterSeconds: Math.ceil(fullest.waitMs / 1000) };
  for (const room of rooms) {
    room.left -= 1;
    room.taken += 1;
  }
  return null;
}

/** In the words of a refusal. */
export function describeOverQuota({ quota: { id, limit, per, windowMs } }: OverQuota): string {
  return `quota ${id}: at most ${limit} in ${windowMs / 1000} s for each ${per}`;
}
