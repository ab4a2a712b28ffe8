#!/usr/bin/env node
import { endOnClosedPipe } from './cli/closed-pipe.js';
import { runCommandLine } from './cli/command-line.js';

endOnClosedPipe(process.argv[2]);
await runCommandLine(process.argv);
