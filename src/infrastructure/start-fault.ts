/** A start that cannot be, said in lines for people: what is wrong, and what to do. No stack trace says more. */
export class StartFault extends Error {
  constructor(
    readonly lines: readonly string[],
    options?: { cause?: unknown },
  ) {
    super(lines.join('\n'), options);
    this.name = 'StartFault';
  }
}

/** For `.catch(…)` behind what fails with one line for people; a defect of ours stays what it is. */
export function rethrowAsStartFault(error: unknown): never {
  if (error instanceof StartFault || !(error instanceof Error) || isDefect(error)) throw error;
  throw new StartFault([error.message.trim().replace(/\s*\n\s*/g, ' ')], { cause: error });
}

/** The language's own errors; those of Node's I/O carry a code. */
function isDefect(error: Error & { code?: unknown }): boolean {
  const ofTheLanguage = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  return ofTheLanguage && error.code === undefined;
}
