/** A start that cannot be, said in lines for people: what is wrong, and what to do. No stack trace says more. */
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
 * For `.catch(…)` behind what fails with one line for people, which `about` introduces; a defect of ours stays what it is.
 */
export function rethrowAsStartupError(error: unknown, about?: string): never {
  if (error instanceof StartupError || !(error instanceof Error) || isDefect(error)) throw error;
  throw new StartupError([about === undefined ? oneLine(error) : `${about}: ${oneLine(error)}`], { cause: error });
}

function oneLine(error: Error & { code?: unknown }): string {
  // Where a name has several addresses and none of them answers, the error itself says nothing.
  const texts = error instanceof AggregateError ? error.errors.map(messageOf) : [messageOf(error)];
  const text = texts.filter((each) => each !== '').join('; ') || String(error.code ?? error.name);
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The language's own errors; those of Node's I/O carry a code. */
function isDefect(error: Error & { code?: unknown }): boolean {
  const ofTheLanguage = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  return ofTheLanguage && error.code === undefined;
}
