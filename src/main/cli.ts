#!/usr/bin/env node
import { endOnClosedPipe } from './closed-pipe.js';
import { runCommandLine } from './command-line.js';

endOnClosedPipe(process.argv[2]);
await runCommandLine(process.argv);
