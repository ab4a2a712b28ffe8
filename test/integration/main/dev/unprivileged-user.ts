/**
 * Runs a script, by default the command line, as a user who may do nothing special. For tests that run as root;
 * everybody else is such a user already.
 */
const NOBODY = 65_534;

if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
await import(process.env.SCRIPT ?? '../../../../src/main/cli.js');
