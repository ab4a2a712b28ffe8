/**
 * Chat through two worker processes, one of them killed and started again meanwhile. `npm run proof -- irc` takes all
 * logs that there are, `npm test` one; where there are none but the sample (irc-logs.ts), that one is replayed as many
 * chats at once.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { decodeLines, parseLog, parseReplies } from '../../examples/irc-log.js';
import { chatIdOf, planReplay } from '../../examples/irc-plan.js';
import { eventually } from '../support/eventually.js';
import { Dispatch } from '../support/fleet/dispatch.js';
import { Fleet } from '../support/fleet/fleet.js';
import { startProcess, type TestProcess } from '../support/fleet/processes.js';
import { ircLogs } from '../support/irc-logs.js';
import { projectFolder, scratchFolder } from '../support/services/services.js';

const found = ircLogs();
const DEFAULT_LOGS = 1;
/** As much as one real log, so that the worker dies in the middle of it. */
const SAMPLE_CHATS = 10;
const SAMPLE_CHATS_OF_PROOF = 100;
const isProof = process.env.PARLEY_IRC_LOGS === 'all';
const sampleChats = isProof ? SAMPLE_CHATS_OF_PROOF : SAMPLE_CHATS;
const logs = found.isSample
  ? Array.from({ length: sampleChats }, (_, chat) => `sample-${chat}.raw.txt`)
  : found.names.slice(0, isProof ? undefined : DEFAULT_LOGS);
const source = found.isSample ? `the sample, as ${sampleChats} chats` : `${logs.length} real logs`;
const REPLAY_TIMEOUT_MS = 20 * 60_000;
const DRAIN_TIMEOUT_MS = 60_000;
const PROGRESS_INTERVAL_MS = 5_000;

/** The proof is slow: it prints its progress and results. */
function say(line: string): void {
  if (isProof) console.log(`    ${line}`);
}

describe(`Chat from ${source}, replayed with two workers, one of which is killed`, function () {
  this.timeout(REPLAY_TIMEOUT_MS);
  let fleet: Fleet;
  let dispatch: Dispatch;
  let replay: TestProcess;

  let folder = found.folder;

  before(async () => {
    if (found.isSample) folder = copySample();
    fleet = await Fleet.create({ partitions: 4, keepEvents: false });
    const [first, second] = [await fleet.startWorker(), await fleet.startWorker()];
    await Promise.all([first.ready(), second.ready()]);
    dispatch = await Dispatch.connect(fleet.amqpUrl, `${fleet.namespace}.dispatch`, fleet.ledger, false);
    replay = await startReplay();
    const texts = logs.reduce((lines, name) => lines + saidIn(name).length, 0);
    const progress = isProof ? sayProgress(texts) : undefined;
    // In the middle of it: a third of the text is stored.
    await eventually(async () => (await storedCount()) > texts / 3, {
      within: REPLAY_TIMEOUT_MS,
      what: 'a third of the text',
    });
    await second.kill();
    say('one of the two workers is killed');
    await fleet.startWorker();
    await replay.ended;
    await progress;
  });

  after(async () => {
    await dispatch?.close();
    await fleet?.close();
  });

  /** A chat is known by its file's name: copies are chats of their own. */
  function copySample(): string {
    const copies = scratchFolder('irc');
    for (const copy of logs)
      for (const name of found.names.flatMap((log) => [log, log.replace('.raw.', '.replies.')]))
        copyFileSync(
          join(found.folder, name),
          join(copies, name.includes('.raw.') ? copy : copy.replace('.raw.', '.replies.')),
        );
    return copies;
  }

  function startReplay(): Promise<TestProcess> {
    const paths = logs.map((name) => join(folder, name));
    return startProcess({
      script: join(projectFolder, 'dist', 'examples', 'irc-replay.js'),
      args: ['--namespace', fleet.namespace, ...paths],
      env: fleet.env,
    });
  }

  async function sayProgress(texts: number): Promise<void> {
    while (replay.running) {
      await Promise.race([replay.ended, sleep(PROGRESS_INTERVAL_MS)]);
      say(`${await storedCount()} of ${texts} texts are stored`);
    }
  }

  /** The lines of a log that say something, in file order. */
  function saidIn(name: string): { line: number; text: string }[] {
    return parseLog(decodeLines(readFileSync(join(folder, name)))).flatMap((line) =>
      'text' in line && line.text !== '' ? [{ line: line.line, text: line.text }] : [],
    );
  }

  async function storedCount(): Promise<number> {
    const [row] = await fleet.query<{ count: number }>('SELECT count(*)::int AS count FROM messages');
    return row?.count ?? 0;
  }

  /** The original texts, before edits. */
  function storedIn(name: string) {
    return fleet.query<{ line: number; body: string }>(
      `SELECT (m.metadata->'irc'->>'line')::int AS line, COALESCE(r.body, m.body) AS body
       FROM messages m LEFT JOIN message_revisions r ON r.message_id = m.message_id AND r.revision = 1
       WHERE m.chat_id = $1 ORDER BY m.sequence`,
      [chatIdOf(name)],
    );
  }

  /** The edits of a log, the reactions that are not there yet, and the reads, as its plan has them. */
  function plannedIn(name: string): string[] {
    const lines = parseLog(decodeLines(readFileSync(join(folder, name))));
    const replies = parseReplies(decodeLines(readFileSync(join(folder, name.replace('.raw.', '.replies.')))));
    const reactions = new Set<string>();
    return planReplay(name, lines, replies).commands.flatMap(({ command, refersTo }) => {
      const { type, actorId, data, commandId } = command;
      if (type !== 'message.edit' && type !== 'message.react' && type !== 'chat.read') return [];
      const reaction = type === 'message.react' ? `${actorId} ${refersTo} ${data.emoji}` : commandId;
      if (reactions.has(reaction)) return [];
      reactions.add(reaction);
      return [commandId];
    });
  }

  it('accounts for every command and event', async () => {
    expect((await replay.ended).code, replay.output).to.equal(0);
    for (const line of replay.output.split('\n').filter((text) => /^[a-z ]+ +\d/.test(text)))
      console.log(`      ${line}`);
  });

  it('is stored line by line, once, in file order', async () => {
    for (const name of logs)
      expect(await storedIn(name), name).to.deep.equal(saidIn(name).map(({ line, text }) => ({ line, body: text })));
  });

  it('has one event for every edit, reaction and read of the plan, in order', async () => {
    for (const name of logs) {
      const planned = plannedIn(name);
      const happened = await fleet.query<{ id: string }>(
        `SELECT command_id AS id FROM chat_events
         WHERE chat_id = $1 AND type IN ('message.edited', 'message.reacted', 'chat.read') ORDER BY position`,
        [chatIdOf(name)],
      );
      expect(planned, name).to.not.have.length(0);
      expect(
        happened.map(({ id }) => id),
        name,
      ).to.deep.equal(planned);
    }
  });

  it('has sequences 1 … n without gaps in each chat', async () => {
    const chats = await fleet.query<{ first: number; last: number; count: number; known: number }>(
      `SELECT min(e.sequence)::int AS first, max(e.sequence)::int AS last, count(e.sequence)::int AS count, c.last_sequence::int AS known
       FROM chat_events e JOIN chats c USING (chat_id) GROUP BY chat_id, c.last_sequence`,
    );
    expect(chats).to.have.length(logs.length);
    for (const { first, last, count, known } of chats) expect([first, last, known]).to.deep.equal([1, count, count]);
  });

  it('reaches dispatch completely, in order per chat', async () => {
    const verdict = await fleet.ledger.close(fleet.databaseUrl, DRAIN_TIMEOUT_MS);
    const { published, dispatched, lost, reordered, gaps, unexpected, doubled } = verdict;
    say(
      `${dispatched} of ${published} events dispatched: ${lost} lost, ${reordered} out of order, ${gaps} gaps, ${unexpected} unexpected, ${doubled} doubled`,
    );
    expect({ lost, reordered, gaps, unexpected, doubled }, JSON.stringify(verdict)).to.deep.equal({
      ...{ lost: 0, reordered: 0, gaps: 0, unexpected: 0, doubled: 0 },
    });
    expect(dispatched).to.equal(published);
  });

  it('changes nothing when replayed again, and is answered as replayed', async () => {
    const before = await fleet.query('SELECT sum(position)::int AS events FROM partitions');
    say('all of it is replayed again');
    const again = await startReplay();
    expect((await again.ended).code, again.output).to.equal(0);
    const commands = /^commands +(\d+)/m.exec(again.output)?.[1];
    expect(/^replayed +(\d+)/m.exec(again.output)?.[1]).to.equal(commands);
    expect(await fleet.query('SELECT sum(position)::int AS events FROM partitions')).to.deep.equal(before);
  });
});
