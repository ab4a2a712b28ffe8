import { type MemberKey, memberKey } from '../ports/store/command-store.js';

/** Maximum number of entries, about 200 bytes each. Above this, the oldest entry is removed. */
export const KNOWN_MEMBERS_MAX = 10_000;

/** A user of a tenant in a chat. The same user id in another tenant is another user. */
export interface TenantMember extends MemberKey {
  tenantId: string;
}

const keyOf = (member: TenantMember) => `${member.tenantId} ${memberKey(member)}`;

/**
 * Caches which users are members of a chat, until a quota window ends. An entry is valid only while no other worker can
 * have changed the chat. A user without an entry may also be a member.
 */
export class MembershipCache {
  private readonly until = new Map<string, number>();

  constructor(private readonly max = KNOWN_MEMBERS_MAX) {}

  /** Times are in milliseconds of one monotonic clock. */
  note(member: TenantMember, untilMs: number): void {
    const key = keyOf(member);
    this.until.delete(key);
    this.until.set(key, untilMs);
    const [oldest = key] = this.until.keys();
    if (this.until.size > this.max) this.until.delete(oldest);
  }

  has(member: TenantMember, nowMs: number): boolean {
    if (this.until.size === 0) return false;
    const key = keyOf(member);
    const until = this.until.get(key);
    if (until === undefined) return false;
    if (until > nowMs) return true;
    this.until.delete(key);
    return false;
  }

  forget(member: TenantMember): void {
    if (this.until.size > 0) this.until.delete(keyOf(member));
  }

  clear(): void {
    this.until.clear();
  }
}
