import { expect } from 'chai';
import { ArchiveFault } from '../../../../src/application/archive/import-archive.js';
import { ARCHIVE_LINE_MAX_BYTES } from '../../../../src/contract/archive/lines.js';
import { directChatId } from '../../../../src/contract/messages/direct-chat-id.js';
import { exportFrom, importInto } from '../../../integration/prisma/archive/archive-of.js';
import { carriedRows } from '../../../integration/prisma/archive/archive-rows-of.js';
import { DecidedStore } from '../../../integration/prisma/decided-store.js';
import { anArchive, CHAT, type Line, REMOVED_MESSAGE, textOf } from './an-archive.js';

const TEST_TIMEOUT_MS = 120_000;

const [HEADER, CHAT_LINE, USER, , CREATED, MESSAGE, EDIT] = [0, 1, 2, 3, 4, 5, 6] as const;
const [REMOVED, DELETED, REVISION, REACTION, , MEMBER, END] = [9, 10, 11, 12, 13, 14, 15];

type Archive = (string | Uint8Array)[];

/** The archive with fields of one line set; of none, to `undefined`, they are left out. */
const having = (index: number, fields: object): Archive =>
  anArchive().map((line, at) => textOf(at === index ? { ...line, ...fields } : line));
/** … with some lines in place of those from `index` on. */
function spliced(index: number, count: number, ...instead: (Line | string | Uint8Array)[]): Archive {
  const lines: (Line | string | Uint8Array)[] = anArchive();
  lines.splice(index, count, ...instead);
  return lines.map((line) => (typeof line === 'string' || line instanceof Uint8Array ? line : textOf(line)));
}
const line = (index: number, fields: object = {}): Line => ({ ...(anArchive()[index] as Line), ...fields });
/** Written by hand: what JSON.stringify would not write. */
const withText = (index: number, from: string, to: string): Archive =>
  anArchive().map((each, at) => (at === index ? textOf(each).replace(from, to) : textOf(each)));

const FAULTS: [string, Archive, string | RegExp][] = [
  ['that is empty', [], 'line 1: the archive is empty'],
  ['that does not begin with its header', spliced(HEADER, 1), 'line 1: is not the header of an archive'],
  ['of another format', having(HEADER, { format: 'zip' }), /^line 1: format: /],
  ['of a later version', having(HEADER, { version: 2 }), /^line 1: version: /],
  ['with a second header', spliced(CHAT_LINE, 0, line(HEADER)), 'line 2: is a second header'],
  ['with what is not JSON', spliced(USER, 1, '{"kind":"user"'), 'line 3: is not JSON'],
  ['with what is JSON, but no object', spliced(USER, 1, '[]'), /^line 3: the line: /],
  ['with a line of an unknown kind', having(USER, { kind: 'gift' }), /^line 3: kind: /],
  ['with a kind that every object has', having(USER, { kind: '__proto__' }), /^line 3: kind: /],
  ['with a line that is too long', having(MESSAGE, { more: 'x'.repeat(ARCHIVE_LINE_MAX_BYTES) }), /^line 6: has more/],
  ['with a line that is not UTF-8', spliced(USER, 1, Buffer.from([0x7b, 0xff, 0x7d])), 'line 3: is not UTF-8'],
  ['with a line without a bottom', spliced(USER, 1, '['.repeat(100_000)), 'line 3: is nested too deeply'],
  ['with U+0000 in a text', having(MESSAGE, { body: 'a\u0000b' }), /^line 6: body: must not contain U\+0000/],
  ['with a lone surrogate', withText(MESSAGE, 'hello, all', '\\ud83d'), /^line 6: body: must not contain .*surrogates/],
  [
    'with __proto__ in metadata',
    withText(MESSAGE, '"metadata":{}', '"metadata":{"__proto__":{}}'),
    /^line 6: metadata/,
  ],
  ['with too much metadata', having(USER, { metadata: { a: 'x'.repeat(9_000) } }), /^line 3: metadata: .*8192 bytes/],
  ['with a text longer than a message may be', having(MESSAGE, { body: 'x'.repeat(16_385) }), /^line 6: body: .*16384/],
  ['with a link that is none', having(USER, { avatarUrl: 'javascript:alert(1)' }), /^line 3: avatarUrl: /],
  ['with a role that there is not', having(MEMBER, { role: 'god' }), /^line 15: role: /],
  ['with a user id that is none', having(MEMBER, { userId: 'a b' }), /^line 15: userId: /],
  ['with a time that there was not', having(CREATED, { at: '2026-02-30T00:00:00Z' }), /^line 5: at: /],
  ['with a year that there was not', having(CREATED, { at: '0000-01-01T00:00:00Z' }), /^line 5: at: /],
  ['with a number out of range', having(MESSAGE, { revision: 2 ** 31 }), /^line 6: revision: /],
  ['with a number that is none', withText(MESSAGE, '"ordinal":1', '"ordinal":1e999'), /^line 6: ordinal: /],
  ['with an event that has no number', having(EDIT, { type: 'chat.read', payload: {} }), /^line 7: type: /],
  ['with an edit of nothing', having(EDIT, { payload: null }), /^line 7: payload: /],
  [
    'with an edit before its message',
    having(EDIT, { payload: payload(3) }),
    'line 7: message.edited before its message',
  ],
  ['with a chat that has no end', spliced(END, 1, line(CHAT_LINE)), `line 16: chat ${CHAT} has no end`],
  ['that ends within a chat', spliced(END, 1), `line 15: the archive ends within chat ${CHAT}`],
  ['with lines outside of a chat', spliced(CHAT_LINE, 1), 'line 3: event outside of a chat'],
  ['with lines of another chat', having(REACTION, { chatId: REMOVED_MESSAGE }), 'line 13: reaction of another chat'],
  ['with an end of another chat', having(END, { chatId: REMOVED_MESSAGE }), 'line 16: end of another chat'],
  ['that lacks a line', spliced(REACTION, 1), "line 15: 13 lines are expected since the chat's own, not 12"],
  ['that lacks an event', spliced(EDIT, 1), 'line 7: event 3 is expected, not 4'],
  ['with an event twice', spliced(EDIT, 0, line(EDIT)), 'line 8: event 4 is expected, not 3'],
  ['that lacks its last events', spliced(DELETED, 1), 'line 13: member, where event 6 is expected'],
  ['with events beyond the last', having(CHAT_LINE, { lastSequence: 4 }), 'line 9: event 5 of a chat that has 4'],
  ['that lacks a message', spliced(MESSAGE, 1), 'line 6: event, where the message of event 2 is expected'],
  ['with a message of another event', having(REMOVED, { sequence: 4 }), 'line 10: message 5 is expected, not 4'],
  [
    'with a message without an event',
    spliced(REVISION, 0, line(MESSAGE)),
    'line 12: message without an event message.created before it',
  ],
  ['with messages miscounted', having(REMOVED, { ordinal: 3 }), 'line 10: ordinal 2 is expected, not 3'],
  [
    'with a message without a text',
    having(MESSAGE, { body: null }),
    /^line 6: a message has a body or has been deleted/,
  ],
  ['with a revision before its message', spliced(CREATED, 0, line(REVISION)), 'line 5: revision before its message'],
  ['with a member read beyond the end', having(MEMBER, { readSequence: 7 }), /^line 15: bob has joined or read beyond/],
  ['with more read than there is', having(MEMBER, { readOrdinal: 3 }), /^line 15: bob has joined or read beyond/],
  [
    'with a direct chat of others',
    having(CHAT_LINE, { chatKind: 'direct' }),
    /^line 16: the id of a direct chat is computed/,
  ],
  [
    'with a member twice',
    having(MEMBER, { userId: 'alice' }),
    /^lines 3 to 16: the database refuses the data \(SQLSTATE 23505/,
  ],
  [
    'with a reaction to what is gone',
    having(REACTION, { sequence: 5 }),
    'lines 3 to 16: a reaction to a missing message',
  ],
  ['with a reaction twice', spliced(END, 1, line(REACTION), { ...line(END), lines: 14 }), /^lines 3 to 17: .*23505/],
  [
    'with a revision that is the present one',
    having(REVISION, { revision: 2 }),
    /^lines 3 to 16: a revision of a missing/,
  ],
];

function payload(messageSequence: number) {
  return { messageId: REMOVED_MESSAGE, messageSequence, revision: 2 };
}

describe('An imported archive', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let store: DecidedStore;
  before(async () => {
    store = await DecidedStore.open();
  });
  after(() => store.close());

  for (const [what, archive, message] of FAULTS)
    it(`is refused ${what.startsWith('that') ? 'if it is one ' : ''}${what}, and its chat stays invisible`, async () => {
      const error = await importInto(store.store, archive).then(
        (report) => expect.fail(`imported: ${JSON.stringify(report)}`),
        (refused: unknown) => refused,
      );
      expect(error).to.be.instanceOf(ArchiveFault);
      const said = (error as ArchiveFault).message;
      if (typeof message === 'string') expect(said).to.equal(message);
      else expect(said).to.match(message);
      // Errors do not quote the archive, because they go to logs and terminals.
      expect(said).to.not.include('hello');
      const alice = { tenantId: 'default', userId: 'alice' };
      expect(await store.store.queries.listChats(alice, 'all', {}, null, 10)).to.deep.equal([]);
    });

  it('is imported after refused ones, without effects of those', async () => {
    const archive = anArchive().map(textOf);
    expect(await importInto(store.store, archive)).to.deep.equal({
      ...{ lines: archive.length, chats: { imported: 1, known: 0 }, differing: [] },
    });
    const fresh = await DecidedStore.open();
    try {
      await importInto(fresh.store, archive);
      expect(await carriedRows(store.url)).to.deep.equal(await carriedRows(fresh.url));
    } finally {
      await fresh.close();
    }
  });

  it('may be written by hand: without empty fields, with unknown fields, other line ends and empty lines', async () => {
    const byHand = await DecidedStore.open();
    try {
      const archive = anArchive().map((each) => `${textOf({ ...each, note: 'mine' })}\r`);
      archive.splice(4, 0, '', '\r');
      archive[0] = `\ufeff${archive[0]}`;
      const coarse = archive.map((each) => each.replaceAll('20:15:00.123Z', '20:15:00.1234567Z'));
      const first = await importInto(byHand.store, coarse);
      expect(first.chats).to.deep.equal({ imported: 1, known: 0 });
      expect((await importInto(byHand.store, coarse)).chats).to.deep.equal({ imported: 0, known: 1 });
    } finally {
      await byHand.close();
    }
  });

  it('may contain a direct chat of two users or of one', async () => {
    const directs = await DecidedStore.open();
    try {
      for (const other of ['bob', 'alice']) {
        const chatId = directChatId('default', 'alice', other);
        const isAlone = other === 'alice';
        const archive = anArchive()
          .filter((each) => !isAlone || each.userId !== 'bob')
          .map((each) => ('chatId' in each ? { ...each, chatId } : each))
          .map((each) => (each.kind === 'chat' ? { ...each, chatKind: 'direct' } : each))
          .map((each) => (isAlone && each.kind === 'end' ? { ...each, lines: 11 } : each))
          // Message ids are never the same.
          .map((each) => textOf(each as Line).replaceAll('5b0c4b7c2e0', isAlone ? '5b0c4b7c2f0' : '5b0c4b7c2e0'));
        expect(await importInto(directs.store, archive)).to.have.nested.property('chats.imported', 1);
        const found = await exportFrom(directs.store, { tenantId: 'default', what: { chatId } });
        expect(found?.length).to.equal(archive.length);
      }
    } finally {
      await directs.close();
    }
  });
});
