import {
  type DepartureKey,
  memberKey,
  reactionKey,
  reactorKey,
  readMarkKey,
  receiptKey,
  type SnapshotKeys,
  userKey,
} from '../ports/store/command-store.js';

class DistinctKeys<K> {
  private readonly byName = new Map<string, K>();

  constructor(private readonly nameOf: (key: K) => string) {}

  add(key: K): void {
    this.byName.set(this.nameOf(key), key);
  }

  list(): K[] {
    return [...this.byName.values()];
  }
}

/** Collects the distinct keys of what a batch's snapshot must hold. */
export class SnapshotKeySet {
  readonly receipts = new DistinctKeys(receiptKey);
  readonly chats = new Set<string>();
  /** Single memberships, never a chat's whole member list. */
  readonly members = new DistinctKeys(memberKey);
  readonly users = new DistinctKeys(userKey);
  readonly messages = new Set<string>();
  readonly messagesInFull = new Set<string>();
  readonly reactions = new DistinctKeys(reactionKey);
  readonly reactors = new DistinctKeys(reactorKey);
  readonly readMarks = new DistinctKeys(readMarkKey);
  readonly userChats = new DistinctKeys(userKey);
  readonly webhookTenants = new Set<string>();
  readonly formerMutes = new DistinctKeys<DepartureKey>(memberKey);

  list(): SnapshotKeys {
    return {
      receipts: this.receipts.list(),
      chats: [...this.chats],
      members: this.members.list(),
      users: this.users.list(),
      messages: [...this.messages],
      messagesInFull: [...this.messagesInFull],
      reactions: this.reactions.list(),
      reactors: this.reactors.list(),
      readMarks: this.readMarks.list(),
      userChats: this.userChats.list(),
      formerMutes: this.formerMutes.list(),
      webhookTenants: [...this.webhookTenants],
    };
  }
}
