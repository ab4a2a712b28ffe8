import { expect } from 'chai';
import fc from 'fast-check';
import type { LoggedEvent } from '../../src/application/ports/event-log.js';
import { directChatId } from '../../src/contract/direct-id.js';
import { refusal } from '../../src/contract/problems.js';
import { ChatModel, type ModelCommand } from './chat-model.js';
import { add, CHANNEL, create, GROUP, NOWHERE, OTHER_GROUP, remove, send, upsert } from './drafts.js';
import { type Draft, Stage } from './stage.js';

const ARCHIVED = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d13';
const QUIET = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d14';
const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const RUNS = 25;
const COMMANDS_MAX = 500;
const TIMEOUT_MS = 120_000;

/** One time in eight; otherwise null. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
const person = fc.constantFrom(...people);
const role = fc.constantFrom('owner', 'admin', 'member', 'reader');
/** A chat, or a direct one: which that is depends on who asks. */
const place = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(GROUP, GROUP, OTHER_GROUP, CHANNEL, ARCHIVED, QUIET) },
  { weight: 1, arbitrary: fc.record({ with: person }) },
);
const act = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('say'),
      place,
      text: fc.constantFrom(...'abcdefg', ''),
      answers: seldom(fc.nat()),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add'),
      place,
      users: fc.array(person, { minLength: 1, maxLength: 4 }),
      role,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove'), place, user: person }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('create'),
      place,
      kind: fc.constantFrom('group', 'group', 'group', 'channel', 'direct'),
      others: fc.uniqueArray(person, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('introduce'), name: fc.constantFrom('A', 'B') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('nonsense'), place }) },
);
const intent = fc.record({
  actor: person,
  tenant: fc.oneof({ weight: 9, arbitrary: fc.constant('default') }, { weight: 1, arbitrary: fc.constant('acme') }),
  proven: fc.oneof({ weight: 30, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  act,
  /** An earlier command's id; by the same actor that makes it a repeat or a conflict. */
  reuses: seldom(fc.nat()),
  /** The earlier command as a whole. */
  repeats: fc.boolean(),
  endsBatch: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
type Intent = typeof intent extends fc.Arbitrary<infer T> ? T : never;

/** A random intention as a command that the world so far gives a meaning to. */
function commandOf(
  { actor, tenant, proven, act, reuses, repeats }: Intent,
  earlier: ModelCommand[],
  said: string[],
): ModelCommand {
  const reused = reuses === null || earlier.length === 0 ? undefined : earlier[reuses % earlier.length];
  if (reused !== undefined && repeats) return { ...reused, proven };
  const command = { id: reused?.id ?? `c${earlier.length}`, tenant, actor: reused?.actor ?? actor, proven };
  if (!('place' in act)) return { ...command, act: { do: 'introduce', name: act.name } };
  const { place, ...rest } = act;
  const chat = typeof place === 'string' ? place : directChatId(tenant, command.actor, place.with);
  if ('answers' in rest) {
    const answers = rest.answers === null ? null : (said[rest.answers % (said.length + 1)] ?? NOWHERE);
    return { ...command, act: { do: 'say', chat, text: rest.text, answers } };
  }
  if ('others' in rest && typeof place !== 'string' && rest.kind !== 'channel')
    return { ...command, act: { do: 'create', chat, kind: 'direct', others: [place.with] } };
  return { ...command, act: { ...rest, chat } as ModelCommand['act'] };
}

function draftOf({ id, tenant, actor, proven, act }: ModelCommand): Draft {
  const over = { commandId: id, tenantId: tenant, ...(proven ? {} : { unproven: refusal('unauthenticated') }) };
  switch (act.do) {
    case 'say':
      return send(actor, act.chat, act.text, act.answers === null ? {} : { inReplyTo: act.answers }, over);
    case 'add':
      return add(actor, act.chat, act.users, act.role, over);
    case 'remove':
      return remove(actor, act.chat, act.user, over);
    case 'create':
      return create(actor, act.chat, act.others, { kind: act.kind }, over);
    case 'introduce':
      return upsert(actor, { displayName: act.name }, over);
    case 'nonsense':
      return { ...send(actor, act.chat, 'x', {}, over), type: 'message.shout' };
  }
}

function happened({ event, chatId, sequence, commandId }: LoggedEvent): string {
  switch (event.type) {
    case 'message.created':
      return `${chatId}/${sequence} ${commandId} said`;
    case 'chat.created':
      return `${chatId}/${sequence} ${commandId} created`;
    case 'member.added':
      return `${chatId}/${sequence} ${commandId} added ${event.members.map(({ userId }) => userId)}`;
    case 'member.removed':
      return `${chatId}/${sequence} ${commandId} removed ${event.userId}`;
    case 'user.upserted':
      return `${commandId} introduced as ${event.user.displayName}`;
    case 'command.rejected':
      return `${commandId} rejected`;
    default:
      throw new Error(`the model knows no ${event.type}`);
  }
}

/** A group and a channel with every role, an archived group, and one in which two are muted; known to both. */
function seeded(): { stage: Stage; model: ChatModel } {
  const stage = new Stage();
  const model = new ChatModel();
  const seeds = { [GROUP]: 'group', [CHANNEL]: 'channel', [ARCHIVED]: 'group', [QUIET]: 'group' };
  const roles = { alice: 'owner', bob: 'member', carol: 'member', dave: 'admin', erin: 'reader' };
  for (const [chatId, kind] of Object.entries(seeds)) {
    stage.given(
      create('alice', chatId, ['bob', 'carol'], { kind }, { commandId: `s1-${chatId}` }),
      add('alice', chatId, ['dave'], 'admin', { commandId: `s2-${chatId}` }),
      add('alice', chatId, ['erin'], 'reader', { commandId: `s3-${chatId}` }),
    );
    const chat = { tenant: 'default', kind, sequence: 3, archived: chatId === ARCHIVED };
    model.seed(chatId, chat, roles, chatId === QUIET ? ['bob', 'dave'] : []);
    model.happened.push(`${chatId}/1 s1-${chatId} created`);
    model.happened.push(`${chatId}/2 s2-${chatId} added dave`, `${chatId}/3 s3-${chatId} added erin`);
  }
  stage.alterChat(ARCHIVED, { archivedAt: stage.now });
  const mutedUntil = new Date('2999-01-01T00:00:00Z');
  for (const userId of ['bob', 'dave']) stage.alterMember(QUIET, userId, { mutedUntil });
  return { stage, model };
}

function expectSameState(stage: Stage, model: ChatModel): void {
  expect([...stage.chats.keys()]).to.have.members([...model.chats.keys()]);
  for (const [chatId, expected] of model.chats) {
    const chat = stage.chat(chatId);
    const owners = [...expected.people.values()].filter(({ role }) => role === 'owner');
    expect(chat).to.include({ tenantId: expected.tenant, kind: expected.kind, lastSequence: expected.sequence });
    expect(chat).to.include({ memberCount: expected.people.size, ownerCount: owners.length });
    const members = [...stage.members.values()].filter((member) => member.chatId === chatId);
    const seen = members.map(({ userId, role, readOrdinal }) => [
      userId,
      { role, unread: chat.lastOrdinal - readOrdinal },
    ]);
    expect(seen).to.have.deep.members([...expected.people]);
    expect(stage.eventsOf(chatId).map(({ sequence }) => sequence)).to.deep.equal(
      Array.from({ length: expected.sequence }, (_, index) => index + 1),
    );
  }
  const names = [...stage.users.values()].map((user) => [
    `${user.tenantId} ${user.userId}`,
    { name: user.displayName, revision: user.revision },
  ]);
  expect(names).to.have.deep.members([...model.names]);
  expect(stage.log.map(happened)).to.deep.equal(model.happened);
}

describe('Random commands by several people, cut into random batches', function () {
  this.timeout(TIMEOUT_MS);

  it('do what a plain model says, command by command: answers, numbers, members, unread counts, events', () => {
    const outcomes = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(intent, { maxLength: COMMANDS_MAX, size: 'max' }), (intents) => {
        const { stage, model } = seeded();
        const earlier: ModelCommand[] = [];
        let batch: ModelCommand[] = [];
        const commit = () => {
          const answers = stage.answers(...batch.map(draftOf));
          const expected = batch.map((command) => model.answer(command));
          const got = answers.map(({ status, reason, sequence, replayed }) => ({
            outcome: reason?.code ?? status,
            sequence,
            replayed,
          }));
          expect(got).to.deep.equal(expected);
          for (const { messageId, chatId } of answers) if (messageId !== null) model.said.set(messageId, chatId ?? '');
          for (const { outcome, sequence, replayed } of got) {
            const what = replayed ? 'replayed' : outcome === 'accepted' && sequence === null ? 'unchanged' : outcome;
            outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
          }
          batch = [];
        };
        for (const one of intents) {
          const command = commandOf(one, earlier, [...model.said.keys()]);
          earlier.push(command);
          batch.push(command);
          if (one.endsBatch) commit();
        }
        commit();
        expectSameState(stage, model);
      }),
      { numRuns: RUNS },
    );
    // Nothing is shown by commands that never come to it.
    expect([...outcomes.keys()]).to.have.members([
      ...['accepted', 'unchanged', 'replayed', 'conflict', 'not_found', 'not_permitted', 'muted', 'archived'],
      ...['invalid', 'unsupported_type', 'unauthenticated'],
    ]);
    const commands = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    expect(commands).to.be.above(2000);
    expect(outcomes.get('accepted')).to.be.above(commands / 10);
  });
});
