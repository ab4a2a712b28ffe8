/**
 * The log consumer that fills the search index. It reads the log behind the commands, so that a command does not pay
 * for its words (docs/adr/0023-search-behind-the-write-path.md).
 */
import { indexedWords } from '../../domain/search/indexed-words.js';
import type { DeliveredText, Delivery, DeliveryResult, TextConsumer } from '../ports/log-consumer.js';
import type { IndexedMessage, SearchIndex } from '../ports/store/search-index.js';
import type { Time } from '../runtime/time.js';

/** Name of the cursors. */
export const SEARCH_CONSUMER = 'search';
/** Texts in one statement. A deletion of one of them waits for that statement. */
const INDEXED_AT_ONCE_MAX = 500;
/** So messages are found after about this time, and the words of many are written together. */
const PAUSE_MS = 1_000;
/** While commands wait, a delivery is put off for at most this long. */
export const YIELD_MAX_MS = 500;
const YIELD_POLL_MS = 25;
/** The indexer shares its process with a worker. It splits texts for at most this long before others have a turn. */
const TURN_MS = 5;
/** How often marks of deleted texts are deleted, and how many at most. */
export const PRUNE_INTERVAL_MS = 60_000;
const PRUNE_MAX = 10_000;

export interface SearchIndexerDeps {
  index: SearchIndex;
  time: Time;
  /** Whether commands wait in this process. */
  isBusy(): boolean;
}

export class SearchIndexer implements TextConsumer {
  readonly name = SEARCH_CONSUMER;
  readonly start = 'beginning';
  readonly imports = 'include';
  readonly content = 'texts';
  readonly movesCursor = true;
  readonly deliveryMax = INDEXED_AT_ONCE_MAX;
  readonly pauseMs = PAUSE_MS;
  private prunedAtMs: number;

  constructor(private readonly deps: SearchIndexerDeps) {
    this.prunedAtMs = deps.time.elapsedMs();
  }

  async deliver(delivery: Delivery<DeliveredText>, signal: AbortSignal): Promise<DeliveryResult> {
    const { partition, epoch, after, through, isRetry, events } = delivery;
    await this.yieldToCommands(signal);
    const messages = await this.split(events);
    // Within an imported chat the cursor stays: the next owner begins with the chat again.
    const position = isRetry || through === after ? null : through;
    const isMine = await this.deps.index.put({ name: this.name, partition, epoch }, position, messages);
    await this.prune();
    return { outcome: isMine ? 'taken' : 'fenced' };
  }

  /** Only events of rejected commands are ever missing, and these have no text. */
  async onOvertaken(): Promise<void> {}

  async close(): Promise<void> {}

  private async yieldToCommands(signal: AbortSignal): Promise<void> {
    const { time, isBusy } = this.deps;
    const since = time.elapsedMs();
    while (isBusy() && !signal.aborted && time.elapsedMs() - since < YIELD_MAX_MS)
      await time.pause(YIELD_POLL_MS, signal);
  }

  private async split(events: readonly DeliveredText[]): Promise<IndexedMessage[]> {
    const { time } = this.deps;
    const messages = new Map<string, IndexedMessage>();
    let since = time.elapsedMs();
    for (const { text } of events) {
      if (text === null) continue;
      const { messageId, revision, senderId, body } = text;
      // The latest text of a message wins, and a statement has each message once.
      messages.set(messageId, { messageId, revision, senderId, words: indexedWords(body) });
      if (time.elapsedMs() - since < TURN_MS) continue;
      await time.turn();
      since = time.elapsedMs();
    }
    return [...messages.values()];
  }

  private async prune(): Promise<void> {
    const now = this.deps.time.elapsedMs();
    if (now - this.prunedAtMs < PRUNE_INTERVAL_MS) return;
    this.prunedAtMs = now;
    await this.deps.index.prune(PRUNE_MAX);
  }
}
