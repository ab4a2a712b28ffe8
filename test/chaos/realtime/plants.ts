/** Bugs of a gateway that a story must notice (`planted-gateway.ts`). */
export const PLANTS = [
  /** The position moves over events that the live feed has not brought. */
  'skipped-gap',
  /** What the feed has lost before a quiet time is not read from the log. */
  'lost-tail',
  /** A joined chat is not walked. */
  'join-without-walk',
  /** A newcomer gets the content of events about messages from before the joining. */
  'open-history',
  /** The connection gets a mark although content of a large chat was not sent. */
  'mark-past-changed',
  /** A removed member gets the events after the removal. */
  'removed-not-forgotten',
  /** A client that resumes gets what happens from now on. */
  'forgotten-resume',
  /** After a renewal with other claims, tokens have the fresh view with the content of the view before. */
  'fresh-view',
] as const;
export type Plant = (typeof PLANTS)[number];
