import { spawnSync } from 'node:child_process';
import { ensureInstalled } from './debian-package.js';

/** The Debian package is for Debian's own Python, which need not be the first one on the PATH. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** A Python with websockets, installed if necessary; or what is missing, in one line. */
export function pythonWithWebsockets(): { python: string; missing: string | undefined } {
  const need = 'needs websockets for Python: install python3-websockets';
  const missing = ensureInstalled('python3-websockets', need, () => findPython() !== undefined);
  return { python: findPython() ?? '', missing };
}

function findPython(): string | undefined {
  return PYTHONS.find((python) => spawnSync(python, ['-c', 'import websockets'], { stdio: 'ignore' }).status === 0);
}
