/**
 * Socket options of every connection of the bench to the broker. Without them a small message can wait for the delayed
 * acknowledgement of the one before it, up to 40 ms (Nagle's algorithm), and that would be measured.
 */
export const NO_DELAY = { noDelay: true };
