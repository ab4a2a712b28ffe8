/** The command line as a user who may do nothing special: for tests that run as root. */
const NOBODY = 65_534;

process.setgroups?.([]);
process.setgid?.(NOBODY);
process.setuid?.(NOBODY);
await import('../../src/main/cli.js');
