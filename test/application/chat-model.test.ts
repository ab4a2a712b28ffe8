import { expect } from 'chai';
import fc from 'fast-check';
import type { LoggedEvent } from '../../src/application/ports/event-log.js';
import { commandTypes } from '../../src/contract/commands.js';
import { directChatId } from '../../src/contract/direct-id.js';
import { refusal } from '../../src/contract/problems.js';
import type { DomainEvent } from '../../src/domain/event.js';
import { type Act, ChatModel, type ModelAnswer, type ModelCommand } from './chat-model.js';
import {
  add,
  archive,
  CHANNEL,
  create,
  edit,
  erase,
  GROUP,
  messageId,
  NOWHERE,
  OTHER_GROUP,
  react,
  read,
  remove,
  send,
  unarchive,
  unreact,
  update,
  updateMember,
  upsert,
} from './drafts.js';
import { type Draft, Stage } from './stage.js';

const ARCHIVED = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d13';
const QUIET = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d14';
const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const RUNS = 25;
const COMMANDS_MAX = 500;
const TIMEOUT_MS = 120_000;
/** How long all runs may take, and the search for a smaller failure with them. */
const SHRINKING_MAX_MS = 90_000;

/** An act before it is known what there is to act upon. */
type Gesture = { do: Act['do'] } & Record<string, unknown>;

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
const text = fc.constantFrom(...'abcdefg', '');
/** Which message: the n-th of those there are, or one that is not. */
const which = fc.nat();
const weighted = (weight: number, arbitrary: fc.Arbitrary<object>) => ({ weight, arbitrary });
const a = <const T extends string>(what: T) => fc.constant(what);
const act = fc.oneof(
  weighted(14, fc.record({ do: a('say'), place, text, answers: seldom(which), root: seldom(which) })),
  weighted(4, fc.record({ do: a('add'), place, users: fc.array(person, { minLength: 1, maxLength: 4 }), role })),
  weighted(1, fc.record({ do: a('remove'), place, user: person })),
  weighted(
    2,
    fc.record({ do: a('appoint'), place, user: person, role: fc.option(role), silent: seldom(fc.boolean()) }),
  ),
  weighted(
    3,
    fc.record({
      ...{ do: a('create'), place, kind: fc.constantFrom('group', 'group', 'group', 'channel', 'direct') },
      others: fc.uniqueArray(person, { maxLength: 3 }),
    }),
  ),
  weighted(7, fc.record({ do: a('edit'), message: which, asSender: fc.boolean(), text })),
  weighted(4, fc.record({ do: a('delete'), message: which, asSender: fc.boolean(), hard: fc.boolean() })),
  weighted(
    7,
    fc.record({
      ...{ do: a('react'), message: which, asSender: fc.constant(false) },
      ...{ emoji: fc.constantFrom('👍', ':tea:'), there: fc.boolean() },
    }),
  ),
  weighted(5, fc.record({ do: a('read'), place, upTo: fc.nat(40) })),
  weighted(1, fc.record({ do: a('title'), place, title: fc.constantFrom('A', null), hides: seldom(fc.boolean()) })),
  weighted(1, fc.record({ do: a('archive'), place, archived: fc.constantFrom(false, false, true) })),
  weighted(1, fc.record({ do: a('introduce'), name: fc.constantFrom('A', 'B') })),
  weighted(1, fc.record({ do: a('nonsense'), place })),
) as fc.Arbitrary<Gesture>;
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
  model: ChatModel,
): ModelCommand {
  const reused = reuses === null || earlier.length === 0 ? undefined : earlier[reuses % earlier.length];
  if (reused !== undefined && repeats) return { ...reused, proven };
  const ids = [...model.messages.keys()];
  const pick = (n: unknown) => (n === null ? null : (ids[Number(n) % (ids.length + 1)] ?? NOWHERE));
  const { place, asSender, ...rest } = act;
  const target = 'message' in rest ? (pick(rest.message) ?? NOWHERE) : NOWHERE;
  const said = model.messages.get(target);
  const who = reused?.actor ?? (asSender === true ? (said?.sender ?? actor) : actor);
  const command = { id: reused?.id ?? `c${earlier.length}`, tenant, actor: who, proven };
  const other = typeof place === 'object' ? (place as { with: string }).with : null;
  const chat = other === null ? (place ?? said?.chat ?? GROUP) : directChatId(tenant, who, other);
  const found = {
    ...{ ...rest, chat },
    ...('message' in rest ? { message: target } : {}),
    ...('answers' in rest ? { answers: pick(rest.answers), root: pick(rest.root) } : {}),
    ...('others' in rest && other !== null && rest.kind !== 'channel' ? { kind: 'direct', others: [other] } : {}),
  };
  return { ...command, act: (act.do === 'introduce' ? rest : found) as Act };
}

const SILENT_UNTIL = '2999-01-01T00:00:00.000Z';

function draftOf({ id, tenant, actor, proven, act }: ModelCommand): Draft {
  const over = { commandId: id, tenantId: tenant, ...(proven ? {} : { unproven: refusal('unauthenticated') }) };
  const given = (fields: { [name: string]: unknown }) =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  switch (act.do) {
    case 'say':
      return send(actor, act.chat, act.text, given({ inReplyTo: act.answers, threadRootId: act.root }), over);
    case 'edit':
      return edit(actor, act.chat, act.message, { body: act.text }, over);
    case 'delete':
      return erase(actor, act.chat, act.message, act.hard ? 'hard' : 'soft', over);
    case 'react':
      return (act.there ? react : unreact)(actor, act.chat, act.message, act.emoji, over);
    case 'read':
      return read(actor, act.chat, act.upTo, over);
    case 'title': {
      const historyVisibility = act.hides === null ? null : act.hides ? 'since-joined' : 'full';
      return update(actor, act.chat, { title: act.title, ...given({ historyVisibility }) }, over);
    }
    case 'archive':
      return (act.archived ? archive : unarchive)(actor, act.chat, over);
    case 'appoint': {
      const mute = act.silent === null ? {} : { mutedUntil: act.silent ? SILENT_UNTIL : null };
      return updateMember(actor, act.chat, act.user, { ...given({ role: act.role }), ...mute }, over);
    }
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

/** In the model's words. */
function deed(event: DomainEvent): string {
  switch (event.type) {
    case 'message.created':
      return 'said';
    case 'member.added':
      return `added ${event.members.map(({ userId }) => userId)}`;
    case 'member.removed':
      return `removed ${event.userId}`;
    case 'member.updated':
      return `made ${event.userId} ${event.role}`;
    case 'chat.read':
      return `read ${event.upTo}`;
    case 'user.upserted':
      return `introduced as ${event.user.displayName}`;
    default:
      return event.type.slice(event.type.indexOf('.') + 1);
  }
}

function happened({ event, chatId, sequence, commandId }: LoggedEvent): string {
  return `${sequence === null ? '' : `${chatId}/${sequence} `}${commandId} ${deed(event)}`;
}

/** A group and a channel with every role, an archived group, and one in which two are muted; known to both. */
function seeded(): { stage: Stage; model: ChatModel } {
  const stage = new Stage();
  const model = new ChatModel();
  stage.idsToDraw.push(...Array.from({ length: COMMANDS_MAX }, (_, index) => messageId(index + 1)));
  const seeds = { [GROUP]: 'group', [CHANNEL]: 'channel', [ARCHIVED]: 'group', [QUIET]: 'group' };
  for (const [chatId, kind] of Object.entries(seeds)) {
    stage.given(
      create('alice', chatId, ['bob', 'carol'], { kind }, { commandId: `s1-${chatId}` }),
      add('alice', chatId, ['dave'], 'admin', { commandId: `s2-${chatId}` }),
      add('alice', chatId, ['erin'], 'reader', { commandId: `s3-${chatId}` }),
    );
    model.seed(
      ...([chatId, kind] as const),
      {
        ...{
          alice: { role: 'owner', joined: 1 },
          bob: { role: 'member', joined: 1 },
          carol: { role: 'member', joined: 1 },
        },
        ...{ dave: { role: 'admin', joined: 2 }, erin: { role: 'reader', joined: 3 } },
      },
      chatId === QUIET ? ['bob', 'dave'] : [],
    );
    model.happened.push(`${chatId}/1 s1-${chatId} created`);
    model.happened.push(`${chatId}/2 s2-${chatId} added dave`, `${chatId}/3 s3-${chatId} added erin`);
  }
  stage.alterChat(ARCHIVED, { archivedAt: stage.now });
  Object.assign(model.chats.get(ARCHIVED) ?? {}, { archived: true });
  for (const userId of ['bob', 'dave']) stage.alterMember(QUIET, userId, { mutedUntil: new Date(SILENT_UNTIL) });
  return { stage, model };
}

function expectSameState(stage: Stage, model: ChatModel): void {
  expect([...stage.chats.keys()]).to.have.members([...model.chats.keys()]);
  for (const [chatId, expected] of model.chats) {
    const chat = stage.chat(chatId);
    const owners = [...expected.people.values()].filter(({ role }) => role === 'owner');
    expect(chat).to.include({ tenantId: expected.tenant, kind: expected.kind, lastSequence: expected.sequence });
    expect(chat).to.include({ memberCount: expected.people.size, ownerCount: owners.length, title: expected.title });
    expect([chat.archivedAt !== null, chat.historyVisibility]).to.deep.equal([
      ...[expected.archived, expected.hides ? 'since-joined' : 'full'],
    ]);
    const members = [...stage.members.values()].filter((member) => member.chatId === chatId);
    const seen = members.map(({ userId, role, mutedUntil, readOrdinal }) => [
      ...[userId, role, mutedUntil !== null, chat.lastOrdinal - readOrdinal],
    ]);
    expect(seen).to.have.deep.members(
      [...expected.people].map(([user, { role }]) => [
        ...[user, role, expected.silenced.has(user), model.unread(expected, user)],
      ]),
    );
    const numbered = stage.eventsOf(chatId).filter(({ sequence }) => sequence !== null);
    expect(numbered.map(({ sequence }) => sequence)).to.deep.equal(
      Array.from({ length: expected.sequence }, (_, index) => index + 1),
    );
    expect(chat.lastPosition).to.equal(numbered.at(-1)?.position);
  }
  expectSameMessages(stage, model);
  const names = [...stage.users.values()].map((user) => [
    `${user.tenantId} ${user.userId}`,
    { name: user.displayName, revision: user.revision },
  ]);
  expect(names).to.have.deep.members([...model.names]);
  expect(stage.log.map(happened)).to.deep.equal(model.happened);
}

function expectSameMessages(stage: Stage, model: ChatModel): void {
  const seen = [...stage.messages.values()].map((message) => {
    const earlier = (stage.revisions.get(message.messageId) ?? []).map(({ body }) => body);
    expect(message.deletedAt !== null).to.equal(message.body === null);
    return [message.messageId, message.sequence, message.body === null ? null : [...earlier, message.body]];
  });
  expect(seen).to.have.deep.members([...model.messages].map(([id, { number, texts }]) => [id, number, texts]));
  expect([...stage.reactions]).to.have.members(
    [...model.messages].flatMap(([id, { reactions }]) => [...reactions].map((reaction) => `${id} ${reaction}`)),
  );
  for (const [id, { texts }] of model.messages) {
    expect(stage.threads.get(id) ?? 0).to.equal(model.replies(id));
    if (texts === null) expect(stage.revisions.has(id)).to.equal(false);
  }
  for (const id of [...stage.threads.keys(), ...stage.revisions.keys()])
    expect(model.messages.has(id), 'of a message that is there').to.equal(true);
  expect(stage.messages.size + stage.removed.size).to.equal(model.messageCount);
}

describe('Random commands by several people, cut into random batches', function () {
  this.timeout(TIMEOUT_MS);

  it('do what a plain model says, command by command: answers, numbers, members, unread counts, events', () => {
    const outcomes = new Map<string, number>();
    const effective = new Set<string>();
    fc.assert(
      fc.property(fc.array(intent, { maxLength: COMMANDS_MAX, size: 'max' }), (intents) => {
        const { stage, model } = seeded();
        const earlier: ModelCommand[] = [];
        let batch: ModelCommand[] = [];
        let expected: ModelAnswer[] = [];
        const commit = () => {
          const answers = stage.answers(...batch.map(draftOf));
          const got = answers.map(({ status, reason, sequence, replayed }) => ({
            outcome: reason?.code ?? status,
            sequence,
            replayed,
          }));
          expect(got).to.deep.equal(expected);
          for (const { type, status, sequence } of answers)
            if (status === 'accepted' && (sequence !== null || type === 'chat.read')) effective.add(type);
          for (const { outcome, sequence, replayed } of got) {
            const what = replayed ? 'replayed' : outcome === 'accepted' && sequence === null ? 'unchanged' : outcome;
            outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
          }
          batch = [];
          expected = [];
        };
        for (const one of intents) {
          const command = commandOf(one, earlier, model);
          earlier.push(command);
          expected.push(model.answer(command));
          batch.push(command);
          if (one.endsBatch) commit();
        }
        commit();
        expectSameState(stage, model);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: SHRINKING_MAX_MS, markInterruptAsFailure: true },
    );
    // Nothing is shown by commands that never come to it.
    expect([...outcomes.keys()]).to.have.members([
      ...['accepted', 'unchanged', 'replayed', 'conflict', 'not_found', 'not_permitted', 'muted', 'archived'],
      ...['invalid', 'unsupported_type', 'unauthenticated'],
    ]);
    expect([...effective]).to.have.members(commandTypes.filter((type) => type !== 'user.upsert'));
    const commands = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    expect(commands).to.be.above(2000);
    expect(outcomes.get('accepted')).to.be.above(commands / 10);
  });
});
