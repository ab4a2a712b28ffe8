import { roleNames } from '../roles/registry.js';

/** As of a program that SIGPIPE has ended. */
const CLOSED_PIPE_EXIT_CODE = 141;
/** Roles go on without a reader of their output; `export` reports it in a line of its own. */
const GOES_ON: readonly (string | undefined)[] = ['dev', 'export', ...roleNames];

/** A pipe whose reader has gone, and a terminal that was closed. */
const NOBODY_READS: readonly (string | undefined)[] = ['EPIPE', 'EIO'];

/** `parley contract --asyncapi | head -1`: the command ends quietly when nobody reads its output any more. */
export function endOnClosedPipe(command: string | undefined): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!NOBODY_READS.includes(error.code)) throw error;
      if (!GOES_ON.includes(command)) process.exit(CLOSED_PIPE_EXIT_CODE);
    });
}
