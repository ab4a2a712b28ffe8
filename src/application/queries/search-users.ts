import { nameKey, type Profile } from '../../domain/user.js';
import type { UserViewing } from '../policy/view-user.js';
import type { Caller, ChatQueries, UserPosition } from '../ports/queries/chat-queries.js';

/**
 * A page of N users reads at most this number times N matches. It can then have fewer users, or none, because the other
 * matches repeat users.
 */
export const MATCHES_PER_USER = 2;

export interface UserPage {
  users: Profile[];
  /** Where the next page starts. Null if there are no more. */
  next: UserPosition | null;
}

/**
 * Users of the caller's tenant whose name or id begins with `text`, in upper or lower case; only those they may see.
 */
export class SearchForUsers {
  constructor(
    private readonly queries: Pick<ChatQueries, 'searchUsers'>,
    private readonly viewing: UserViewing,
  ) {}

  /** At most `limit` users after the position, each on one page only. */
  async page(caller: Caller, text: string, after: UserPosition | null, limit: number): Promise<UserPage> {
    const kinds = await this.viewing.findableBy(caller);
    if (kinds.length === 0) return { users: [], next: null };
    const most = MATCHES_PER_USER * limit;
    const search = { tenantId: caller.tenantId, kinds, prefix: nameKey(text) };
    const matches = await this.queries.searchUsers(search, after, most + 1);
    const users: Profile[] = [];
    let taken = 0;
    for (const { profile } of matches.slice(0, most)) {
      if (profile !== null && users.length === limit) break;
      if (profile !== null) users.push(profile);
      taken += 1;
    }
    const last = matches[taken - 1];
    if (taken === matches.length || last === undefined) return { users, next: null };
    return { users, next: { key: last.key, userId: last.userId } };
  }
}
