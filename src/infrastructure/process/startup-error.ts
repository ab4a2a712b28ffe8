/** Startup error shown to the user without a stack trace: lines that say what is wrong and what to do. */
export class StartupError extends Error {
  constructor(
    readonly lines: readonly string[],
    options?: { cause?: unknown },
  ) {
    super(lines.join('\n'), options);
    this.name = 'StartupError';
  }
}

/**
 * For `.catch(…)` after calls that fail with one line for the user, which `about` introduces. A programming error is
 * rethrown unchanged.
 */
export function rethrowAsStartupError(error: unknown, about?: string): never {
  if (error instanceof StartupError || !(error instanceof Error) || isDefect(error)) throw error;
  throw new StartupError([about === undefined ? oneLine(error) : `${about}: ${oneLine(error)}`], { cause: error });
}

function oneLine(error: Error & { code?: unknown }): string {
  // If a name has several addresses and none answers, the error itself has no text.
  const texts = error instanceof AggregateError ? error.errors.map(messageOf) : [messageOf(error)];
  const text = texts.filter((each) => each !== '').join('; ') || String(error.code ?? error.name);
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** JavaScript's own errors. Errors of Node's I/O have a code. */
function isDefect(error: Error & { code?: unknown }): boolean {
  const ofTheLanguage = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  return ofTheLanguage && error.code === undefined;
}
