/** Shared by the example programs: an error is one line, and the exit code is 1. */
import { parseArgs } from 'node:util';

/** The positional arguments, at most `max`. Prints the usage and exits on `--help`. */
export function readPositionals(usage: string, max: number): string[] {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(usage);
    process.exit();
  }
  const [unknown] = positionals.slice(max);
  if (unknown !== undefined) throw new Error(`one argument too many: ${unknown}; see --help`);
  return positionals;
}

/** `AMQP_URL`, or the broker on this machine. */
export function brokerUrl(url = process.env.AMQP_URL ?? 'amqp://127.0.0.1'): string {
  // The error does not show the URL, which can contain a password.
  if (!URL.canParse(url) || !/^amqps?:\/\//.test(url))
    throw new Error('the address of the broker must be a URL that starts with amqp:// or amqps://');
  return url;
}

/** One line for any error. If several addresses were tried, the error of the first one. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  const { message, name, syscall } = error as NodeJS.ErrnoException;
  const { code } = error as { code?: unknown }; // a number in an error of the broker
  if (String(code).startsWith('ERR_PARSE_ARGS')) return `${message.split('. ')[0]}; see --help`;
  if (syscall === 'connect') return `the broker cannot be reached: ${message}`;
  return (message === '' ? name : message).replaceAll(/\s*\n\s*/g, '; ');
}

/** Runs a program; prints its error and sets the exit code. */
export async function runExample(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${name}: ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}
