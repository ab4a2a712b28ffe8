export interface ChatPartition {
  chatId: string;
  partition: number;
}

/** The partition of each chat. Chats without a partition, or during an import, are left out. */
export interface ChatPartitions {
  /** The next chats by id, at most `limit`. `after` null: from the first one. */
  page(after: string | null, limit: number): Promise<ChatPartition[]>;
  /** Some chats from the whole id range, at most `limit`; all chats if there are no more. */
  sample(limit: number): Promise<ChatPartition[]>;
}
