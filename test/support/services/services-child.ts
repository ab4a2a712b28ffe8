// A small test run that tests end: sets up as mocha does, starts the named services, prints what it has, and waits.
// `services-child.js [postgres] [rabbitmq] [process] [disk]`

import { startProcess } from '../fleet/processes.js';
import { mochaGlobalSetup } from '../hooks.js';
import { postgres, rabbitmq } from './services.js';
import { runFolder } from './services-folder.js';
import { SmallDisk } from './small-disk.js';

const wanted = process.argv.slice(2);
const KEEP_ALIVE_MS = 60_000;

mochaGlobalSetup();
const pids: number[] = [];
if (wanted.includes('postgres')) pids.push((await postgres()).pid);
if (wanted.includes('rabbitmq')) pids.push((await rabbitmq()).node?.pid as number);
if (wanted.includes('process')) pids.push((await startProcess({ script: process.argv[1] as string })).pid);
if (wanted.includes('disk')) SmallDisk.mount(`${runFolder()}/disk`, 1);
console.log(JSON.stringify({ folder: runFolder(), pids }));
setInterval(() => undefined, KEEP_ALIVE_MS);
