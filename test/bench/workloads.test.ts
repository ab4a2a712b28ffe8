import { expect } from 'chai';
import { v7 } from 'uuid';
import { Answers } from '../../bench/measuring/answers.js';
import { quantilesOf } from '../../bench/measuring/quantiles.js';
import { Bodies } from '../../bench/population/bodies.js';
import { GROUP_SIZES, Population } from '../../bench/population/population.js';
import type { BenchCommand } from '../../bench/quota/workload.js';
import { DirtyWorkload } from '../../bench/workloads/dirty.js';
import { HotWorkload } from '../../bench/workloads/hot.js';
import { MIX, MixedWorkload } from '../../bench/workloads/mixed.js';
import { SteadyWorkload } from '../../bench/workloads/steady.js';
import type { Receipt } from '../../src/contract/messages/receipts.js';

const COMMANDS = 4_000;
const SEED = 5;

describe('the workloads of the bench', () => {
  const population = new Population(1_000);
  const bodies = new Bodies('mix');
  const shareOf = (commands: readonly BenchCommand[], is: (command: BenchCommand) => boolean) =>
    commands.filter(is).length / commands.length;
  const isMember = ({ chatId, actorId }: BenchCommand) => {
    const chat = population.indexOf(chatId);
    return Array.from({ length: population.size(chat) }, (_, nth) => population.member(chat, nth)).includes(actorId);
  };

  it('have groups of each size in the specified shares, with different members', () => {
    for (const { members, percent } of GROUP_SIZES)
      expect(population.chatIds.filter((_, chat) => population.size(chat) === members)).to.have.length(10 * percent);
    const largest = population.chatIds.findIndex((_, chat) => population.size(chat) === 1_000);
    expect(new Set(Array.from({ length: 1_000 }, (_, nth) => population.member(largest, nth)))).to.have.length(1_000);
  });

  it('have texts with a median of 200 bytes, and 2,000 bytes for one in twenty', () => {
    const next = bodies.series(SEED);
    const lengths = Array.from({ length: 20_000 }, () => Buffer.byteLength(next()));
    expect(quantilesOf(lengths).p50).to.be.within(190, 210);
    const [, p95 = 0] = [0.5, 0.95].map((share) => lengths.toSorted((a, b) => a - b)[lengths.length * share]);
    expect(p95).to.be.within(1_850, 2_150);
  });

  it('send the same commands for the same seed, only as members', () => {
    const steady = new SteadyWorkload(population, bodies);
    const sent = [...steady.commands(COMMANDS, 'a-', SEED)];
    expect([...steady.commands(COMMANDS, 'a-', SEED)]).to.deep.equal(sent);
    expect([...steady.commands(COMMANDS, 'a-', SEED + 1)]).not.to.deep.equal(sent);
    expect(sent.slice(0, 500).every(isMember)).to.equal(true);
  });

  it('send half of W2 to one chat', () => {
    const sent = [...new HotWorkload(population, bodies).commands(COMMANDS, 'a-', SEED)];
    const perChat = new Map<string, number>();
    for (const { chatId } of sent) perChat.set(chatId, (perChat.get(chatId) ?? 0) + 1);
    expect(Math.max(...perChat.values()) / COMMANDS).to.be.within(0.5, 0.52);
  });

  it('reach the shares of W3 when receipts arrive, without commands that change nothing', () => {
    const mixed = new MixedWorkload(population, bodies);
    const sequences = new Map<string, number>();
    const given = new Set<string>();
    const deleted = new Set<string>();
    const commands: BenchCommand[] = [];
    for (const command of mixed.commands(COMMANDS, 'a-', SEED)) {
      commands.push(command);
      const { type, chatId } = command;
      const { messageId = '', emoji } = command.data as { messageId?: string; emoji?: string };
      expect(deleted, 'a message that is deleted already').not.to.include(messageId);
      if (type === 'message.delete') deleted.add(messageId);
      if (type === 'message.react') {
        expect(given, 'a reaction that is there already').not.to.include(`${messageId} ${emoji}`);
        given.add(`${messageId} ${emoji}`);
      }
      const sequence = (sequences.get(chatId) ?? 0) + 1;
      sequences.set(chatId, sequence);
      mixed.learn(command, { status: 'accepted', messageId: v7(), sequence } as Receipt);
    }
    const share = (type: string) => shareOf(commands, (command) => command.type === type);
    expect(share('message.send')).to.be.closeTo(MIX.send, 0.005);
    expect(share('message.edit')).to.be.closeTo(MIX.edit, 0.005);
    expect(share('message.react')).to.be.closeTo(MIX.react, 0.005);
    expect(share('chat.read')).to.be.closeTo(MIX.read, 0.005);
    expect(share('message.delete')).to.be.closeTo(MIX.delete, 0.005);
  });

  it('know the expected outcome of each command of W4', () => {
    const commands = [...new DirtyWorkload(population, bodies).commands(COMMANDS, 'a-', SEED)];
    const share = (...answers: string[]) => shareOf(commands, ({ expects }) => answers.includes(expects?.answer ?? ''));
    expect(share('replayed')).to.be.within(0.085, 0.115);
    expect(share('not_found', 'not_permitted')).to.be.within(0.04, 0.06);
    expect(share('invalid')).to.be.within(0.005, 0.015);
    for (const command of commands.slice(0, 500))
      expect(isMember(command), command.expects?.answer).to.equal(command.expects?.answer !== 'not_found');

    const answers = new Answers();
    for (const command of commands) answers.sent(command);
    const effects = new Set(commands.map(({ commandId }) => commandId)).size;
    const messages = commands.filter(({ expects }) => expects === undefined).length;
    expect(answers.expected).to.deep.equal({ stored: effects, events: effects, messages });
  });
});
