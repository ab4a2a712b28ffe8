import { type MemberKey, memberKey } from '../ports/command-store.js';

/** About 200 bytes each. Past so many the one that was noted first is forgotten. */
export const KNOWN_MEMBERS_MAX = 10_000;

/** A user of a tenant in a chat: the user of the same id in another tenant is somebody else. */
export interface TenantMember extends MemberKey {
  tenantId: string;
}

const keyOf = (member: TenantMember) => `${member.tenantId} ${memberKey(member)}`;

/**
 * Whom the owner of a partition knows to be in a chat, for as long as a window lasts, and while nobody else can have changed it. Who is not known
 * may be in it all the same.
 */
export class MembershipCache {
  private readonly until = new Map<string, number>();

  constructor(private readonly max = KNOWN_MEMBERS_MAX) {}

  /** Times are in milliseconds, by one clock that never goes back. */
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
