/** How the lines of `probe.ts` begin. */
export const STALL_LINE = 'event loop stalled';
export const HELD_LINE = 'held after collection:';
