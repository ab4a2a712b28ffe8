import { expect } from 'chai';
import { corrected, reactionIn } from '../../../examples/irc-gestures.js';
import { type IrcLine, parseLog } from '../../../examples/irc-log.js';
import { BRIDGE_USER_ID, chatIdOf, planReplay, profileOf, userIdOf } from '../../../examples/irc-plan.js';
import { commandBody } from '../../../src/contract/messages/commands.js';
import { USER_ID_PATTERN, UUID_PATTERN } from '../../../src/contract/messages/identifiers.js';

const FILE = '2001-02-03.raw.txt';

function lines(...texts: string[]): IrcLine[] {
  return parseLog(texts);
}

/** A short form of a plan: actor, command, target. */
function steps(log: IrcLine[], answered = new Map<number, number[]>()): string[] {
  return planReplay(FILE, log, answered).commands.map(({ command, refersTo: answers }) => {
    const who = command.actorId === BRIDGE_USER_ID ? 'bridge' : command.actorId;
    switch (command.type) {
      case 'member.add':
        return `${who} adds ${command.data.userIds.join()}`;
      case 'member.remove':
        return `${who} removes ${command.data.userId}`;
      case 'message.send':
        return `${who} says ${command.data.body}${answers === null ? '' : ` to line ${answers}`}`;
      case 'message.edit':
        return `${who} edits line ${answers}: ${command.data.body}`;
      case 'message.react':
        return `${who} reacts ${command.data.emoji} to line ${answers}`;
      case 'chat.read':
        return `${who} has read line ${answers}`;
      default:
        return `${who} ${command.type}`;
    }
  });
}

describe('Planning the replay of an IRC log', () => {
  it('lets the bridge create the chat, add users who join and remove users who leave', () => {
    const log = lines(
      '=== anna [~a@h]  has joined #x',
      '[09:14] <anna> hi',
      '[09:15] * anna waves',
      '=== anna [~a@h]  has left #x []',
    );
    expect(steps(log)).to.deep.equal([
      'bridge chat.create',
      'bridge adds irc:anna',
      'irc:anna says hi',
      'irc:anna says waves',
      'bridge removes irc:anna',
    ]);
  });

  it('adds a user who speaks without joining, once, and again after leaving', () => {
    const log = lines(
      '[09:14] <anna> hi',
      '[09:14] <anna> ho',
      '=== anna [~a@h]  has left #x []',
      '[09:15] <anna> back',
    );
    expect(steps(log)).to.deep.equal([
      'bridge chat.create',
      'bridge adds irc:anna',
      'irc:anna says hi',
      'irc:anna says ho',
      'bridge removes irc:anna',
      'bridge adds irc:anna',
      'irc:anna says back',
    ]);
  });

  it('treats a change of nick as one user leaving and another joining', () => {
    expect(steps(lines('[09:14] <anna> hi', '=== anna is now known as anne', '[09:15] <anne> it is me'))).to.deep.equal(
      [
        'bridge chat.create',
        'bridge adds irc:anna',
        'irc:anna says hi',
        'bridge removes irc:anna',
        'bridge adds irc:anne',
        'irc:anne says it is me',
      ],
    );
  });

  it('has no command for lines without speaker or text', () => {
    expect(steps(lines('[09:14] <anna>', '=== mode/#x [+o ben]  by cid', 'gibberish'))).to.deep.equal([
      'bridge chat.create',
    ]);
  });

  it('replies to the nearest earlier message, and counts unknown replies', () => {
    const log = lines(
      '[09:14] <a> one',
      '=== b [~b@h]  has joined #x',
      '[09:14] <b> two',
      '[09:15] <c> three',
      '[09:16] <d> four',
    );
    const answered = new Map([
      [2, [1]], // a join is no message
      [3, [0, 2]],
      [0, [3]], // a later one
    ]);
    expect(steps(log, answered).filter((step) => step.includes('says'))).to.deep.equal([
      'irc:a says one',
      'irc:b says two',
      'irc:c says three to line 2',
      'irc:d says four',
    ]);
    expect(planReplay(FILE, log, answered).answersLeftOut).to.equal(3);
  });

  it('adds an edit of the last message for a correction', () => {
    const log = lines(
      '[09:14] <a> helo',
      '[09:14] <b> hi',
      '[09:15] <a> s/lo/llo/',
      '[09:15] <b> s/x/y/',
      '[09:16] <b> hm',
    );
    expect(steps(log).filter((step) => /edits|says/.test(step))).to.deep.equal([
      'irc:a says helo',
      'irc:b says hi',
      'irc:a edits line 0: hello',
      'irc:a says s/lo/llo/',
      'irc:b says s/x/y/', // nothing of "hi"
      'irc:b says hm',
    ]);
    expect(corrected('see you at nin', 'nine*')).to.equal('see you at nin *nine');
    expect(corrected('a $& b', 's/b/$&/')).to.equal('a $& $&');
    for (const line of ['s/a/a/', 's/a//', 'a * b', 's/(/x/']) expect(corrected('a', line), line).to.equal(null);
  });

  it('edits each fiftieth message once, when its nick speaks next', () => {
    const log = lines(
      ...Array.from({ length: 49 }, () => '[09:14] <a> hm'),
      '[09:14] <b> x',
      '[09:15] <b> y',
      '[09:16] <b> z',
    );
    expect(steps(log).filter((step) => step.includes('edits'))).to.deep.equal(['irc:b edits line 49: x …']);
  });

  it('adds a reaction to the latest message of another user for thanks and laughter', () => {
    const log = lines(
      '[09:13] <b> lol',
      '[09:14] <a> look',
      '[09:14] <b> oh',
      '[09:15] <b> LOL!',
      '[09:16] <a> thanks.',
    );
    expect(steps(log).filter((step) => step.includes('reacts'))).to.deep.equal([
      'irc:b reacts 😂 to line 1',
      'irc:a reacts 🙏 to line 3',
    ]);
    for (const line of ['lol you', 'thanks for all', '', '...']) expect(reactionIn(line), line).to.equal(null);
  });

  it('moves read marks forward, except for the latest lines', () => {
    const log = lines(
      '[09:13] <b> hi',
      ...Array.from({ length: 10 }, () => '[09:14] <a> hm'),
      '[09:15] <b> reading',
      '[09:15] <b> on',
      '[09:16] <c> new here',
    );
    const marks = steps(log).filter((step) => step.includes('read line') || step.includes('reading'));
    expect(marks).to.deep.equal(['irc:b has read line 3', 'irc:b says reading']);
  });

  it('is deterministic, with its own command id for every step', () => {
    const log = lines('[09:14] <anna> hi', '=== anna is now known as anne', '[09:15] <anne> hi');
    const plan = planReplay(FILE, log, new Map());
    expect(planReplay(FILE, log, new Map())).to.deep.equal(plan);
    const ids = plan.commands.map(({ command }) => command.commandId);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(
      planReplay('another.raw.txt', log, new Map()).commands.map(({ command }) => command.commandId),
    ).to.not.include.members(ids);
  });

  it('has one chat id per file', () => {
    expect(chatIdOf(FILE)).to.match(UUID_PATTERN).and.not.equal(chatIdOf('another.raw.txt'));
  });

  it('derives valid user ids, different for each nick', () => {
    const nicks = [
      'anna',
      'Anna',
      '[anna]',
      'a+5Banna+5D',
      '|_-^\\{}`',
      '+',
      '++',
      ' ',
      '_',
      '-',
      '.',
      'ä',
      'a'.repeat(500),
      'b'.repeat(500),
    ];
    const ids = nicks.map(userIdOf);
    for (const id of ids) expect(id).to.match(USER_ID_PATTERN);
    expect(new Set(ids).size).to.equal(nicks.length);
    expect(userIdOf('[anna]')).to.equal('irc:+5Banna+5D');
  });

  it('has only valid commands, with names as written', () => {
    const plan = planReplay(FILE, lines('[09:14] <[anna]> hi', '=== [anna] [~a@h]  has left #x []'), new Map());
    const profiles = [...plan.users].map(([userId, nick]) => profileOf(userId, nick));
    expect(profiles[0]?.data.displayName).to.equal('[anna]');
    for (const command of [...profiles, ...plan.commands.map((planned) => planned.command)]) {
      const { type, tenantId, actorId, chatId, data } = command;
      const body = chatId === null ? { tenantId, actorId, data } : { tenantId, actorId, chatId, data };
      expect(commandBody[type].safeParse(body).success, type).to.equal(true);
    }
  });
});
