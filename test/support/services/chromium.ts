/** A real browser: Debian's Chromium, headless, with a temporary home folder. */

import { type Browser, chromium } from 'playwright-core';
import { findOnPath } from '../../../src/infrastructure/embedded/rabbitmq-program.js';
import { ensureInstalled } from './debian-package.js';
import { scratchFolder } from './services.js';

const NEED = 'needs Chromium: install the Debian package chromium';
/** Nothing that calls home, or that needs a graphics card. */
const QUIET = [
  ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

/** Undefined if Chromium is not installed. */
export function installedChromium(): string | undefined {
  return findOnPath('chromium') ?? findOnPath('chromium-browser') ?? findOnPath('google-chrome');
}

/** The installed browser; as root on Debian, the package is installed if there is none. */
export function ensureChromium(): { path: string } | { missing: string } {
  const missing = ensureInstalled('chromium', NEED, () => installedChromium() !== undefined);
  return missing === undefined ? { path: installedChromium() as string } : { missing };
}

/** The caller closes it. As root, Chromium runs without its sandbox. */
export function startChromium(executablePath: string): Promise<Browser> {
  const home = scratchFolder('browser');
  return chromium.launch({
    executablePath,
    args: [...QUIET, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    env: { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  });
}
