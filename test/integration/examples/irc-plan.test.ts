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

/** What a plan asks for, in short: who, what, about whom. */
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
  it('has the bridge create the chat, then add who joins and remove who leaves', () => {
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

  it('adds who speaks without having joined, once, and again after they left', () => {
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

  it('takes a change of nick for one user leaving and another joining', () => {
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

  it('asks for nothing on lines that nobody said or that say nothing', () => {
    expect(steps(lines('[09:14] <anna>', '=== mode/#x [+o ben]  by cid', 'gibberish'))).to.deep.equal([
      'bridge chat.create',
    ]);
  });

  it('answers the nearest earlier message, and counts what it cannot say', () => {
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

  it('takes a correction for an edit of what its nick said last, besides', () => {
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

  it('edits each fiftieth message when its nick speaks next, once', () => {
    const log = lines(
      ...Array.from({ length: 49 }, () => '[09:14] <a> hm'),
      '[09:14] <b> x',
      '[09:15] <b> y',
      '[09:16] <b> z',
    );
    expect(steps(log).filter((step) => step.includes('edits'))).to.deep.equal(['irc:b edits line 49: x …']);
  });

  it('takes thanks and laughter for reactions to the latest message of somebody else, besides', () => {
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

  it('marks what came before as read, but for the latest lines, where the mark is not that far', () => {
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

  it('is the same every time, with command ids of its own for every step', () => {
    const log = lines('[09:14] <anna> hi', '=== anna is now known as anne', '[09:15] <anne> hi');
    const plan = planReplay(FILE, log, new Map());
    expect(planReplay(FILE, log, new Map())).to.deep.equal(plan);
    const ids = plan.commands.map(({ command }) => command.commandId);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(
      planReplay('another.raw.txt', log, new Map()).commands.map(({ command }) => command.commandId),
    ).to.not.include.members(ids);
  });

  it('gives each file its own chat id', () => {
    expect(chatIdOf(FILE)).to.match(UUID_PATTERN).and.not.equal(chatIdOf('another.raw.txt'));
  });

  it('derives user ids that the contract admits, and never the same for two nicks', () => {
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

  it('asks only for what the contract admits, with names as they are written', () => {
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
