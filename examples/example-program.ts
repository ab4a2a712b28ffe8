/** What the examples share as programs: they say in one line what is wrong, and end with exit code 1. */
import { parseArgs } from 'node:util';

/** The positional arguments, at most `max`. Prints the usage and ends where help is asked for. */
export function readPositionals(usage: string, max: number): string[] {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(usage);
    process.exit();
  }
  const [unknown] = positionals.slice(max);
  if (unknown !== undefined) throw new Error(`there is one argument too many: ${unknown}; --help says more`);
  return positionals;
}

/** `AMQP_URL`, or the broker on this machine. */
export function brokerUrl(url = process.env.AMQP_URL ?? 'amqp://127.0.0.1'): string {
  // The text is not shown: there may be a password in it.
  if (!URL.canParse(url) || !/^amqps?:\/\//.test(url))
    throw new Error('the address of the broker must be a URL that starts with amqp:// or amqps://');
  return url;
}

/** One line for any error. Where several addresses were tried, each failed in its own way: the first one tells enough. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  const { message, name, syscall } = error as NodeJS.ErrnoException;
  const { code } = error as { code?: unknown }; // the broker's are numbers
  if (String(code).startsWith('ERR_PARSE_ARGS')) return `${message.split('. ')[0]}; --help says more`;
  if (syscall === 'connect') return `the broker cannot be reached: ${message}`;
  return (message === '' ? name : message).replaceAll(/\s*\n\s*/g, '; ');
}

/** Runs a program to its end. */
export async function runExample(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${name}: ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}
