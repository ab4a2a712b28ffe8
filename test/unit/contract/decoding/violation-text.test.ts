import { expect } from 'chai';
import { v7 } from 'uuid';
import { archiveLine } from '../../../../src/contract/archive/lines.js';
import { commandBody, commandData, commandTypes } from '../../../../src/contract/messages/commands.js';
import { violationText } from '../../../../src/contract/messages/violation-text.js';
import {
  operationOf,
  parseQuery,
  type RestOperationName,
  restOperations,
} from '../../../../src/contract/rest/operations.js';
import { bodyOf, CHAT, incoming, refusalOf } from './incoming-command.js';

/** One value of each JSON type, and of too small and too large values. */
const STRANGE: readonly unknown[] = [
  ...[undefined, null, true, -1, 0, 1.5, 2 ** 60, '', ' ', 'x', 'X'.repeat(20_000), '\u0000'],
  ...[[], [1], [null], Array.from({ length: 60 }, () => 'bob'), Array.from({ length: 200 }, () => 'bob')],
  ...[{}, { a: 1 }, { url: 1 }, [{ url: 'https://a.example', size: -1, more: 1 }], { '1': 'x' }, { a: { b: 1 } }],
];
/** A text completes "data.body …", and none is the validator's own. */
const PLAIN = /^(must |is |cannot |has )/;
const RAW = /invalid|expected|received|too (small|big)|unrecognized|undefined|\bNaN\b|>=|<=|\^|\$/i;

const violationsOf = (type: Parameters<typeof bodyOf>[0], body: unknown) =>
  refusalOf(incoming(type, body, { messageId: v7() })).violations ?? [];

describe("The text of a command's violation", () => {
  for (const [what, type, body, path, message] of [
    [
      'nothing where a text belongs',
      'message.send',
      { body: undefined },
      'data.body',
      'is required, and must be a string of 1 to 16384 characters',
    ],
    [
      'a number where a text belongs',
      'message.send',
      { body: 1 },
      'data.body',
      'must be a string of 1 to 16384 characters, not a number',
    ],
    [
      'nothing where an id belongs',
      'message.delete',
      { messageId: undefined },
      'data.messageId',
      'is required, and must be a UUID in lower-case canonical form',
    ],
    ['a word that is no choice', 'chat.create', { kind: 'party' }, 'data.kind', 'must be direct, group or channel'],
    [
      'no choice at all',
      'chat.create',
      { kind: undefined },
      'data.kind',
      'is required, and must be direct, group or channel',
    ],
    [
      'a text where a list belongs',
      'chat.create',
      { memberIds: 'bob' },
      'data.memberIds',
      'must be a list, not a string',
    ],
    ['an empty list', 'member.add', { userIds: [] }, 'data.userIds', 'must have at least 1 item'],
    [
      'too long a list',
      'message.send',
      { mentions: Array.from({ length: 60 }, () => 'bob') },
      'data.mentions',
      'must have at most 50 items',
    ],
    ['a fraction', 'chat.read', { upTo: 1.5 }, 'data.upTo', 'must be a whole number'],
    ['a number below its bound', 'chat.read', { upTo: -1 }, 'data.upTo', 'must be 0 or more'],
    ['a text where a number belongs', 'chat.read', { upTo: '4' }, 'data.upTo', 'must be a number, not a string'],
    [
      'a claim of no kind',
      'user.upsert',
      { claims: { team: null } },
      'data.claims.team',
      'must be a string of 1 to 256 characters, a number, true or false, or a list of at most 32 such strings',
    ],
    [
      "a claim's name",
      'user.upsert',
      { claims: { '1': 'x' } },
      'data.claims.1',
      'is not an allowed name: it must be a letter and at most 63 more of A-Z a-z 0-9 _ -',
    ],
    ['an unknown field', 'message.send', { text: 'x' }, 'data.text', 'is not a field of this command'],
  ] as const)
    it(`is plain: ${what}`, () => {
      expect(violationsOf(type, bodyOf(type, body))).to.deep.include({ path, message });
    });

  it('is plain if data or chat id is missing', () => {
    expect(violationsOf('message.send', { actorId: 'alice', chatId: CHAT })).to.deep.equal([
      { path: 'data', message: 'is required, and must be a JSON object' },
    ]);
    expect(violationsOf('message.send', { actorId: 'alice', data: { body: 'x' } })).to.deep.equal([
      { path: 'chatId', message: 'is required, and must be a UUID in lower-case canonical form' },
    ]);
  });

  it('is plain for any wrong value in any field', () => {
    let seen = 0;
    for (const type of commandTypes)
      for (const field of Object.keys(commandData[type].shape))
        for (const strange of STRANGE)
          for (const { path, message } of violationsOfAny(type, field, strange)) {
            seen += 1;
            expect(message, `${type} ${path}`).to.match(PLAIN).and.to.not.match(RAW);
          }
    expect(seen).to.be.greaterThan(200);
  });
});

function violationsOfAny(type: (typeof commandTypes)[number], field: string, strange: unknown) {
  const result = commandBody[type].safeParse(bodyOf(type, { [field]: strange }));
  return result.success ? [] : violationsOf(type, bodyOf(type, { [field]: strange }));
}

describe("The text of a query's violation", () => {
  it('is plain for any wrong value in any parameter', () => {
    let seen = 0;
    for (const name of Object.keys(restOperations) as RestOperationName[])
      for (const parameter of Object.keys(operationOf(name).query?.shape ?? {}))
        for (const strange of ['', 'x', 'X'.repeat(20_000), ['a', 'b'], { a: 'b' }]) {
          const parsed = parseQuery(name, { [parameter]: strange });
          for (const { path, message } of parsed.ok ? [] : parsed.violations) {
            seen += 1;
            expect(message, `${name} ${path}`).to.match(PLAIN).and.to.not.match(RAW);
          }
        }
    expect(seen).to.be.greaterThan(50);
    expect(parseQuery('listChats', { kind: 'party', limit: ['1', '2'] })).to.deep.equal({
      ok: false,
      violations: [
        { path: 'limit', message: 'must be a string, not a list' },
        { path: 'kind', message: 'must be direct, group or channel' },
      ],
    });
  });
});

describe("The text of an archive line's violation", () => {
  it('is plain', () => {
    for (const line of [
      {},
      { kind: 'x' },
      { kind: 'header' },
      { kind: 'event', type: 'x' },
      [],
      { kind: 'member', joinedAt: 'x' },
    ]) {
      const { error } = archiveLine.safeParse(line, { error: violationText });
      for (const { message, path } of error?.issues ?? [])
        expect(message, path.join('.')).to.match(PLAIN).and.to.not.match(RAW);
      expect(error).to.not.equal(undefined);
    }
  });
});
