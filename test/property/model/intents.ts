/** Random intentions as plain data, so that failures can be shrunk. Their commands depend on the state of the model. */
import fc from 'fast-check';

/** Once in `oneIn` times; otherwise null. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>, oneIn = 8) =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
const often = fc.constantFrom(true, true, true, false);
const once = <const D extends string>(word: D) => fc.constant(word);

export const PEOPLE = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'] as const;
export const TENANTS = ['default', 'acme'] as const;
/** Few, so that each syncs often. */
export const SYNCING = ['bob', 'dave', 'erin'] as const;
/** Words that every search dictionary leaves unchanged. */
export const WORDS = ['amber', 'birch', 'cedar'] as const;
const KINDS = ['group', 'group', 'group', 'channel', 'direct'] as const;
const MINUTE_MS = 60_000;

const person = fc.constantFrom(...PEOPLE);
const role = fc.constantFrom('owner', 'admin', 'member', 'reader');
const history = fc.constantFrom('full', 'since-joined');
const words = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 }).map((all) => all.join(' '));
const text = fc.oneof({ weight: 20, arbitrary: words }, { weight: 1, arbitrary: fc.constant('') });
const metadata = fc.constantFrom({}, { a: 1 }, { b: [null, 'ä'] });
const mentions = fc.uniqueArray(person, { maxLength: 2 });
const attachments = fc.constant([{ url: 'https://example.org/a.png', mediaType: 'image/png', size: 3, name: 'a.png' }]);
/** The message `back` places before the latest one; rarely one of another chat, or none. */
const message = fc.record({ back: fc.nat(7), misplaced: seldom(fc.constantFrom('elsewhere', 'nowhere'), 20) });
export type MessageChoice = typeof message extends fc.Arbitrary<infer T> ? T : never;

const weighted = {
  say: [
    14,
    fc.record({
      do: once('say'),
      body: text,
      inReplyTo: seldom(message),
      threadRoot: seldom(message, 4),
      with: seldom(
        fc.oneof(
          fc.record({ metadata }),
          fc.record({ mentions }),
          fc.record({ attachments }),
          fc.constant({ contentType: 'text/markdown' }),
        ),
      ),
    }),
  ],
  edit: [
    6,
    fc.record({
      do: once('edit'),
      message,
      body: text,
      with: seldom(fc.oneof(fc.record({ metadata }), fc.record({ mentions })), 4),
    }),
  ],
  erase: [3, fc.record({ do: once('erase'), message, mode: fc.constantFrom('soft', 'hard') })],
  react: [6, fc.record({ do: once('react'), message, emoji: fc.constantFrom('👍', ':tada:') })],
  unreact: [6, fc.record({ do: once('unreact'), message, emoji: fc.constantFrom('👍', ':tada:') })],
  read: [5, fc.record({ do: once('read'), back: fc.integer({ min: -2, max: 20 }) })],
  deliver: [4, fc.record({ do: once('deliver'), back: fc.integer({ min: -2, max: 10 }) })],
  hide: [4, fc.record({ do: once('hide') })],
  unhide: [2, fc.record({ do: once('unhide') })],
  create: [
    3,
    fc.record({
      do: once('create'),
      kind: fc.constantFrom(...KINDS),
      others: fc.uniqueArray(person, { maxLength: 3 }),
      with: seldom(fc.oneof(fc.record({ historyVisibility: history }), fc.record({ title: words, metadata })), 2),
    }),
  ],
  update: [
    3,
    fc.record({
      do: once('update'),
      change: fc.oneof(
        fc.record({ title: fc.option(words) }),
        fc.record({ metadata: fc.option(metadata) }),
        fc.record({ historyVisibility: history }),
      ),
    }),
  ],
  archive: [1, fc.record({ do: once('archive') })],
  unarchive: [3, fc.record({ do: once('unarchive') })],
  add: [
    5,
    fc.record({ do: once('add'), users: fc.array(person, { minLength: 1, maxLength: 3 }), role: fc.option(role) }),
  ],
  remove: [2, fc.record({ do: once('remove'), user: person })],
  alter: [
    6,
    fc.record({
      do: once('alter'),
      user: person,
      role: seldom(role, 2),
      muteMs: fc.constantFrom(undefined, null, -1, 5 * MINUTE_MS, 60 * MINUTE_MS, 90 * MINUTE_MS),
    }),
  ],
  introduce: [
    2,
    fc.record({
      do: once('introduce'),
      displayName: fc.constantFrom('A', 'B'),
      kind: seldom(fc.constantFrom('bot', 'human')),
      metadata: seldom(metadata),
      presence: seldom(fc.constantFrom('hidden', 'shared'), 3),
    }),
  ],
  shout: [1, fc.record({ do: once('shout') })],
} as const;
export type Act = {
  [K in keyof typeof weighted]: (typeof weighted)[K][1] extends fc.Arbitrary<infer T> ? T : never;
}[keyof typeof weighted];
const act = fc.oneof(
  ...Object.values(weighted).map(([weight, arbitrary]) => ({ weight, arbitrary: arbitrary as fc.Arbitrary<Act> })),
);

/** One of the chats with a fixed id, or the actor's direct chat with a person. */
const place = fc.oneof({ weight: 9, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.record({ with: person }) });
export type Place = typeof place extends fc.Arbitrary<infer T> ? T : never;

/** Queries of one person about one chat. */
const look = fc.record({
  who: person,
  place,
  size: fc.integer({ min: 1, max: 6 }),
  from: fc.nat(30),
  word: fc.constantFrom(...WORDS),
});
export type Look = typeof look extends fc.Arbitrary<infer T> ? T : never;

/** One page of a sync; or all pages, after which the client must be up to date. */
const sync = fc.record({
  who: fc.constantFrom(...SYNCING),
  size: fc.integer({ min: 1, max: 12 }),
  whole: fc.nat(3).map((n) => n === 3),
});
export type Sync = typeof sync extends fc.Arbitrary<infer T> ? T : never;

/** Prunes rejected commands from the published part of the log: all but `unpublished` events. */
const prune = fc.record({ unpublished: fc.nat(20), olderThanMs: fc.constantFrom(0, 1, 5 * MINUTE_MS) });

export const intent = fc.record({
  /** Mostly a member who is likely to be permitted. */
  actor: fc.record({ person, among: fc.constantFrom('fitting', 'fitting', 'members', 'all') }),
  tenant: fc.oneof({ weight: 12, arbitrary: fc.constant('default') }, { weight: 1, arbitrary: fc.constant('acme') }),
  isAuthenticated: fc.integer({ min: 0, max: 40 }).map((n) => n < 40),
  knownProducer: fc.boolean(),
  place,
  act,
  /** Reuses the id of an earlier command, and mostly its whole content: a repeat or a conflict. */
  again: seldom(fc.record({ back: fc.nat(60), whole: often }), 12),
  /** Delivers it to another partition, this many partitions away. */
  misplaced: seldom(fc.integer({ min: 1, max: 2 }), 30),
  /**
   * Ends the batch: the waiting commands of the partition are decided. Then there may be queries, a sync and pruning,
   * and time passes.
   */
  endsBatch: seldom(
    fc.record({
      isTakenOver: fc.nat(7).map((n) => n === 7),
      look: seldom(look, 2),
      sync: seldom(sync, 2),
      prune: seldom(prune, 3),
      goesByMs: fc.constantFrom(0, 1, MINUTE_MS, 5 * MINUTE_MS),
    }),
    6,
  ),
});
export type Intent = typeof intent extends fc.Arbitrary<infer T> ? T : never;

/** At the end a chat, or all chats of a user, move to another store. Null: none. */
export const move = fc.option(fc.oneof(fc.record({ userId: person }), fc.record({ chatAt: fc.nat(7) })), { freq: 2 });
export type Move = NonNullable<typeof move extends fc.Arbitrary<infer T> ? T : never>;
