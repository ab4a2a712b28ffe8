/**
 * A real browser for the tests: Debian's Chromium, headless, with a home of its own, so that it leaves no file behind.
 */

import { type Browser, chromium } from 'playwright-core';
import { findOnPath } from '../../../src/infrastructure/embedded/rabbitmq-program.js';
import { scratchFolder } from './services.js';

/** Undefined: there is none. */
export function installedChromium(): string | undefined {
  return findOnPath('chromium') ?? findOnPath('chromium-browser') ?? findOnPath('google-chrome');
}

/** The caller closes it. Root may not have Chromium's own sandbox. */
export function startChromium(executablePath: string): Promise<Browser> {
  const home = scratchFolder('browser');
  return chromium.launch({
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    env: { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  });
}
