export interface ChatHome {
  chatId: string;
  partition: number;
}

/** The partition of each chat. Chats without a partition, or during an import, are left out. */
export interface ChatHomes {
  /** The next chats by id, at most `limit`. `after` null: from the first one. */
  page(after: string | null, limit: number): Promise<ChatHome[]>;
  /** Some chats from the whole id range, at most `limit`; all chats if there are no more. */
  sample(limit: number): Promise<ChatHome[]>;
}
