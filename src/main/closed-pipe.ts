import { ROLES } from './role-names.js';

/** As of a program that SIGPIPE has ended. */
const CLOSED_PIPE_EXIT_CODE = 141;
/** Roles go on without a reader of their output; `export` reports it in a line of its own. */
const GOES_ON: readonly (string | undefined)[] = ['dev', 'export', ...ROLES];

/** `parley contract --asyncapi | head -1`: the command ends quietly when nobody reads its output any more. */
export function endOnClosedPipe(command: string | undefined): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!GOES_ON.includes(command)) process.exit(CLOSED_PIPE_EXIT_CODE);
  });
}
