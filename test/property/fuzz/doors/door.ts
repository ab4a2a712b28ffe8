/** A way in, and what came of what was sent through it. */
import type fc from 'fast-check';

export type DoorName = 'decoder' | 'worker' | 'rest' | 'broker';

/** What must not happen; the message says what did. */
export class Finding extends Error {
  override name = 'Finding';
}

export interface OpenDoor<I> {
  /** One outcome for each input, in words to be counted. Throws a `Finding`. */
  take(inputs: readonly I[]): Promise<string[]>;
  close(): Promise<void>;
}

export interface Door<I> {
  name: DoorName;
  input: fc.Arbitrary<I>;
  /** Inputs taken together, at most. */
  together: number;
  /** Inputs between opening and closing, about. */
  perOpening: number;
  /** What holds the event loop up is looked for here; a door to another process leaves it to that process. */
  watchesStalls: boolean;
  open(seed: number): Promise<OpenDoor<I>>;
}
