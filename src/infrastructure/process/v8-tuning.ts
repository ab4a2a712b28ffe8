import { setFlagsFromString } from 'node:v8';

/** How much larger than what is alive the heap may become before V8 clears it up. */
const HEAP_GROWTH_PERCENT = 20;

/**
 * For a process that makes much garbage and keeps little, from here on. V8 by itself lets the heap become several times what is alive: an import
 * of any size has 30 MB alive, and had 185 MB of heap. It reads this setting after each collection, so it may be set in a process that runs; the
 * limits of the heap and of its young generation are read at the start only.
 */
export function keepHeapSmall(growthPercent = HEAP_GROWTH_PERCENT): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}

/**
 * WebAssembly that is loaded from here on is compiled by one thread, not by all. What the compiler takes for a moment stays with the process:
 * each thread has an arena of its own, and none of them is given back. For Prisma's query compiler that was 12 to 40 MB of a worker.
 */
export function compileWebAssemblyInOneThread(): void {
  setFlagsFromString('--wasm-num-compilation-tasks=1');
}
