/**
 * The IRC logs that tests replay: `PARLEY_IRC_DATA` names their folder, else `../shared/data/irc` beside the project,
 * else the sample that comes with the examples.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { projectFolder } from './services/services.js';

const SUFFIX = '.raw.txt';
const SAMPLE_FOLDER = join(projectFolder, 'examples', 'irc');

export interface IrcLogs {
  folder: string;
  /** `NAME.raw.txt`, beside each of which is a `NAME.replies.txt`. */
  names: string[];
  isSample: boolean;
}

export function ircLogs(): IrcLogs {
  const given = process.env.PARLEY_IRC_DATA ?? resolve('..', 'shared', 'data', 'irc');
  const names = logsIn(given);
  if (names.length > 0) return { folder: given, names, isSample: false };
  return { folder: SAMPLE_FOLDER, names: logsIn(SAMPLE_FOLDER), isSample: true };
}

function logsIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(SUFFIX)) : [];
}
