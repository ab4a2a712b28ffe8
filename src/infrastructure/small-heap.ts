import { setFlagsFromString } from 'node:v8';

/** How much larger than what is alive the heap may become before V8 clears it up. */
const HEAP_GROWTH_PERCENT = 20;

/**
 * For a process that makes much garbage and keeps little, from here on. V8 by itself lets the heap become several times what is alive: an import
 * of any size has 30 MB alive, and had 185 MB of heap. It reads this setting after each collection, so it may be set in a process that runs; the
 * limits of the heap and of its young generation are read at the start only.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
}
