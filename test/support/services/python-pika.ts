import { spawnSync } from 'node:child_process';
import { ensureInstalled } from './debian-package.js';

/** The Debian package is for Debian's own Python, which need not be the first one on the PATH. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** A Python with pika, installed if necessary; or what is missing, in one line. */
export function pythonWithPika(): { python: string; missing: string | undefined } {
  const need = 'needs pika for Python: install python3-pika';
  const missing = ensureInstalled('python3-pika', need, () => findPython() !== undefined);
  return { python: findPython() ?? '', missing };
}

function findPython(): string | undefined {
  return PYTHONS.find((python) => spawnSync(python, ['-c', 'import pika'], { stdio: 'ignore' }).status === 0);
}
