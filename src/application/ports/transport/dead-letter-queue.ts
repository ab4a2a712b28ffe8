/** The dead letters as an operator sees them. Any program may have written them, so nothing in them is trusted. */

/** The reason that Parley gave, or `x-death` if RabbitMQ dead-lettered the message itself. */
export const DEAD_LETTER_REASONS = ['malformed', 'misrouted', 'poison', 'x-death'] as const;
export type LetterReason = (typeof DEAD_LETTER_REASONS)[number];

export interface DeadLetter {
  messageId: string | null;
  type: string | null;
  chatId: string | null;
  /** Null: the message has no reason from Parley or RabbitMQ. */
  reason: LetterReason | null;
  detail: string | null;
  /** The time of dead-lettering. */
  at: Date | null;
  worker: string | null;
  /** The original routing key. Null if unknown. */
  routingKey: string | null;
}

/** Everything except the body. Tokens, and headers with the name of a secret, are hidden. */
export interface LetterDescription {
  exchange: string;
  routingKey: string;
  properties: [string, string][];
  headers: [string, string][];
  bodyBytes: number;
  bodySha256: string;
}

/** A letter while `browse` passes over it. The functions may be called only until the callback returns. */
export interface BrowsedLetter extends DeadLetter {
  /** Its place in the queue, from 1. */
  place: number;
  describe(): LetterDescription;
  /** The body, which may contain what a user wrote. */
  body(): string;
  /** Why it cannot be published again. Null if it can. */
  obstacleToReplay(): string | null;
}

export interface Survey {
  /** The number of ready letters at the start. */
  ready: number;
  /** The number of letters that were read. The others are with another consumer, or too far back. */
  seen: number;
}

export interface LetterReplay {
  /** Maximum number of letters to look at, from the front of the queue. */
  most: number;
  /** The pace. Null means no limit. */
  perSecond: number | null;
  isMeant(letter: DeadLetter): boolean;
  /** Resolves when the next letter may be published. */
  pace(): Promise<void>;
  onReplayed(): void;
  /** The letter stays in the queue, because its properties cannot be encoded again. */
  onUnwritable(letter: DeadLetter): void;
}

export interface DeadLetterQueue {
  /** Letters further back in the queue than this are not reached. */
  readonly reach: number;
  /**
   * Reads every ready letter once, from the front. At the end, `afterwards` may remove letters by their place. All
   * other letters stay where they are.
   */
  browse(
    onLetter: (letter: BrowsedLetter) => void,
    afterwards?: (remove: (place: number) => void) => Promise<void>,
  ): Promise<Survey>;
  /**
   * Publishes the selected letters as commands again. Each is confirmed before it leaves the queue. Returns the number
   * of letters that were not reached.
   */
  replay(order: LetterReplay): Promise<number>;
}
