/** An entry point, and the outcomes of its inputs. */
import type fc from 'fast-check';

export type DoorName = 'decoder' | 'worker' | 'rest' | 'broker' | 'realtime';

/** A violated expectation. The message describes it. */
export class Finding extends Error {
  override name = 'Finding';
}

export interface OpenDoor<I> {
  /** The outcome of each input, as text to count. Throws a `Finding`. */
  take(inputs: readonly I[]): Promise<string[]>;
  close(): Promise<void>;
}

export interface Door<I> {
  name: DoorName;
  input: fc.Arbitrary<I>;
  /** Maximum number of inputs in one call. */
  together: number;
  /** Approximate number of inputs between open and close. */
  perOpening: number;
  /** Whether the event loop of this process is watched for stalls. False for entry points in another process. */
  watchesStalls: boolean;
  open(seed: number): Promise<OpenDoor<I>>;
}
