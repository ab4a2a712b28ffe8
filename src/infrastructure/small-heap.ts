import { setFlagsFromString } from 'node:v8';

/** How much larger than what is alive the heap may become before V8 clears it up. */
const HEAP_GROWTH_PERCENT = 50;

/**
 * For a process that makes much garbage and keeps little, from here on. V8 lets the heap become four times and more what is alive: whoever moves
 * a large archive would have 30 MB alive and 200 MB of pages that were moved long ago. Only what is read at the end of each collection may
 * be set in a process that runs, as this is; the size of the young generation, or a limit for the whole, are read at its start.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
}
