import { setFlagsFromString } from 'node:v8';

/** How much larger than the live objects the heap may become before V8 collects garbage. */
const HEAP_GROWTH_PERCENT = 20;

/**
 * For a process that creates much garbage and keeps little. By default V8 lets the heap grow to several times the live
 * objects: an import of any size has 30 MB of live objects, and had 185 MB of heap. V8 reads this setting after each
 * collection, so it can be set in a running process. It reads the limits of the heap and of its young generation only
 * at the start.
 */
export function limitHeapGrowth(growthPercent = HEAP_GROWTH_PERCENT): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}

/**
 * Compiles WebAssembly that is loaded later with one thread instead of all. Each compiler thread has a memory arena
 * that is never released. For Prisma's query compiler that was 12 to 40 MB of a worker.
 */
export function compileWebAssemblyInOneThread(): void {
  setFlagsFromString('--wasm-num-compilation-tasks=1');
}
