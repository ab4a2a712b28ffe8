/** Uses real logs if available, else the sample (see irc-logs.ts). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeLines, type IrcLine, type IrcLineKind, parseLog, parseReplies } from '../../../examples/irc-log.js';
import { type IrcPlan, planReplay, userIdOf } from '../../../examples/irc-plan.js';
import { commandBody } from '../../../src/contract/messages/commands.js';
import { COMMAND_ID_PATTERN } from '../../../src/contract/messages/identifiers.js';
import { ircLogs } from '../../support/irc-logs.js';

const { folder, names, isSample } = ircLogs();

interface Corpus {
  name: string;
  texts: string[];
  lines: IrcLine[];
  plan: IrcPlan;
}

function readLog(name: string): Corpus {
  const texts = decodeLines(readFileSync(join(folder, name)));
  const answered = parseReplies(decodeLines(readFileSync(join(folder, name.replace('.raw.', '.replies.')))));
  const lines = parseLog(texts);
  return { name, texts, lines, plan: planReplay(name, lines, answered) };
}

describe(isSample ? 'The sample of an IRC log' : `Real IRC logs, ${names.length} of them`, () => {
  let corpus: Corpus[] = [];

  before(() => {
    corpus = names.map(readLog);
  });

  after(() => {
    corpus = [];
  });

  it('are parsed completely', () => {
    const counts = new Map<IrcLineKind, number>();
    for (const { name, lines } of corpus)
      for (const { line, kind } of lines) {
        expect(kind, `${name}, line ${line}`).to.not.equal('unreadable');
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
    expect([...counts.keys()]).to.include.members(['text', 'action', 'join', 'leave', 'rename', 'empty', 'notice']);
  });

  it('keep every text unchanged', () => {
    for (const { name, texts, lines } of corpus) {
      for (const entry of lines) {
        const text = texts[entry.line] ?? '';
        if (entry.kind === 'text')
          expect(text)
            .to.match(/^\[\d\d:\d\d\] </)
            .and.satisfy((raw: string) => raw.endsWith(`> ${entry.text}`));
        else if (entry.kind !== 'empty') expect(text, name).to.not.match(/^\[\d\d:\d\d\] </);
      }
    }
  });

  it('become valid commands, each with its own id', () => {
    for (const { name, lines, plan } of corpus) {
      const said = lines.filter(({ kind }) => kind === 'text' || kind === 'action').length;
      expect(plan.commands.filter(({ command }) => command.type === 'message.send').length).to.equal(said);
      const keys = new Set<string>();
      for (const { command } of plan.commands) {
        const { type, commandId, tenantId, actorId, chatId, data } = command;
        expect(commandId).to.match(COMMAND_ID_PATTERN);
        keys.add(`${actorId} ${commandId}`);
        expect(
          commandBody[type].safeParse({ tenantId, actorId, chatId, data }).success,
          `${name} ${commandId}`,
        ).to.equal(true);
      }
      expect(keys.size).to.equal(plan.commands.length);
    }
  });

  it('have one user id per nick, and replies to earlier messages', () => {
    const nicks = new Map<string, string>();
    let answers = 0;
    for (const { name, plan } of corpus) {
      for (const [userId, nick] of plan.users) {
        expect(nicks.get(userId) ?? nick).to.equal(nick);
        expect(userIdOf(nick)).to.equal(userId);
        nicks.set(userId, nick);
      }
      const messages = new Set<number>();
      for (const { command, line, refersTo: other } of plan.commands) {
        if (command.type !== 'message.send' || line === null) continue;
        if (other !== null) {
          expect(messages.has(other), `${name}: line ${line} answers ${other}`).to.equal(true);
          answers += 1;
        }
        messages.add(line);
      }
    }
    expect(answers).to.be.greaterThan(0);
  });
});
