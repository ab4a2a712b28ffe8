/** `parley dev` in its own folder, and its banner. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { isListening } from '../../../../src/infrastructure/free-port.js';
import { onThisMachine } from '../../../support/busy-machine.js';
import { eventually } from '../../../support/eventually.js';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import { copyForOthers, isOpenToOthers } from '../../../support/services/open-to-others.js';
import { projectFolder, scratchFolder } from '../../../support/services/services.js';

/** The documented limit on an idle machine. */
const UP_WITHIN_MS = 15_000;
const WAIT_FOR_BANNER_MS = 90_000;
/** One press of Ctrl-C may arrive twice within 300 ms, and counts as one. */
const SECOND_PRESS_AFTER_MS = 400;

const here = fileURLToPath(new URL('.', import.meta.url));
export const PAUSING_DEV = join(here, 'pausing-dev.js');

let copied: string | undefined;

/**
 * A script of this folder for `startProcess`, where the user that unprivileged-user.ts becomes can read it: root's
 * checkout may be closed to that user, who then gets a copy.
 */
export function readableByNobody(script: string): string {
  if (process.getuid?.() !== 0 || isOpenToOthers(projectFolder)) return join(here, script);
  if (copied === undefined) {
    copied = scratchFolder('project');
    copyForOthers(projectFolder, copied);
  }
  return join(copied, relative(projectFolder, here), script);
}

export interface Banner {
  text: string;
  base: string;
  token: string;
  chatId: string;
  /** The printed command with its line breaks. */
  curl: string;
  /** As shown: of use where it is private. */
  databaseUrl: string;
  amqpUrl: string | undefined;
}

export interface HistoryItem {
  sequence: number;
  body: string;
}

/** A machine with other work takes longer by that much. */
export function upWithinMs(): number {
  return onThisMachine(UP_WITHIN_MS);
}

export async function bannerOf(dev: TestProcess): Promise<Banner> {
  await dev.line(/Press Ctrl-C to stop/, WAIT_FOR_BANNER_MS);
  const text = dev.stdout.join('\n');
  const find = (pattern: RegExp) => pattern.exec(text)?.[1];
  return {
    text,
    base: find(/REST +(\S+)\/v1/) ?? '',
    token: find(/Token for alice.*\n\s+(\S+)/) ?? '',
    chatId: find(/\/v1\/chats\/([0-9a-f-]{36})\/messages/) ?? '',
    curl: find(/(curl [\s\S]*?-d '[^']*')/) ?? '',
    databaseUrl: find(/(postgresql:\S+)/) ?? '',
    amqpUrl: find(/(amqp:\S+)/),
  };
}

/** Sends a message as the banner's user and answers its receipt. */
export async function say(banner: Banner, text: string, token = banner.token): Promise<{ sequence: number }> {
  const response = await fetch(`${banner.base}/v1/chats/${banner.chatId}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ body: text }),
  });
  const answer = await response.text();
  expect(response.status, answer).to.equal(201);
  return JSON.parse(answer) as { sequence: number };
}

export async function history(banner: Banner, token = banner.token): Promise<HistoryItem[]> {
  const response = await fetch(`${banner.base}/v1/chats/${banner.chatId}/messages?limit=200`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const answer = await response.text();
  expect(response.status, answer).to.equal(200);
  return (JSON.parse(answer) as { items: HistoryItem[] }).items;
}

export async function query<T extends pg.QueryResultRow>(databaseUrl: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Committed events that are not marked as published. */
export async function unpublished(databaseUrl: string): Promise<number> {
  const [row] = await query<{ count: number }>(
    databaseUrl,
    'SELECT sum(position - published_through)::int AS count FROM partitions',
  );
  return row?.count ?? 0;
}

export class DevFolder {
  readonly cwd = scratchFolder('dev');
  readonly dataDir = join(this.cwd, '.data');
  /** The pausing one stops dead behind its next commit while this file is there. */
  readonly pauseFile = join(this.cwd, 'pause');

  /** `onTerminal`: the process is the terminal, made by util-linux' `script`. */
  start(options: {
    rabbitmq: boolean;
    script?: string;
    onTerminal?: boolean;
    env?: Record<string, string>;
  }): Promise<TestProcess> {
    const { rabbitmq, script, onTerminal, env } = options;
    const command = `exec ${process.execPath} ${join(projectFolder, 'dist', 'src', 'main', 'cli.js')} dev`;
    return startProcess({
      cwd: this.cwd,
      ...(onTerminal
        ? { interpreter: 'script', script: '-qfec', args: [command, '/dev/null'] }
        : { args: ['dev'], ...(script === undefined ? {} : { script }) }),
      env: { ...(rabbitmq ? {} : { PATH: pathWithoutRabbitmq() }), PAUSE_FILE: this.pauseFile, ...env },
    });
  }

  /** Every process with the folder as working directory or argument (Linux only). */
  processes(): number[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => pid !== process.pid && this.isOurs(pid));
  }

  get isLocked(): boolean {
    return existsSync(join(this.dataDir, 'lock'));
  }

  private isOurs(pid: number): boolean {
    try {
      const words = `${readlinkSync(`/proc/${pid}/cwd`)} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}`;
      return words.includes(this.cwd);
    } catch {
      return false; // ended meanwhile
    }
  }
}

/** Ctrl-C, and again before it is done. */
export async function pressTwice(dev: TestProcess): Promise<void> {
  dev.send('SIGINT');
  await dev.line(/stopping/);
  const first = Date.now();
  await eventually(() => Date.now() - first > SECOND_PRESS_AFTER_MS, { within: 2_000, what: 'the second press' });
  dev.send('SIGINT');
}

/** No process, no port, no lock. */
export async function expectNothingLeft(folder: DevFolder, dev: TestProcess, banner: Banner): Promise<void> {
  await eventually(() => folder.processes().length === 0, {
    within: 5_000,
    what: 'the end of the last helper process',
  });
  const urls = [banner.databaseUrl, ...(banner.amqpUrl === undefined ? [] : [banner.amqpUrl])];
  const ports = [dev.env.PORT, dev.env.OPS_PORT, ...urls.map((url) => new URL(url).port)].map(Number);
  expect(await Promise.all(ports.map((port) => isListening(port)))).to.deep.equal(ports.map(() => false));
  expect(folder.isLocked).to.equal(false);
}

/** Runs it in a shell. */
export function paste(command: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
}

let hidden: string | undefined;

/** This machine's programs, all but RabbitMQ's. */
function pathWithoutRabbitmq(): string {
  if (hidden !== undefined) return hidden;
  hidden = scratchFolder('programs');
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const link = join(hidden, name);
      if (!name.startsWith('rabbitmq') && !existsSync(link)) linkOnce(join(folder, name), link);
    }
  }
  return hidden;
}

function linkOnce(target: string, link: string): void {
  try {
    symlinkSync(target, link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // a dangling one of an earlier folder
  }
}
