/** A real browser: Debian's Chromium, headless, with a temporary home folder. */

import { type Browser, chromium } from 'playwright-core';
import { findOnPath } from '../../../src/infrastructure/embedded/rabbitmq-program.js';
import { scratchFolder } from './services.js';

/** Undefined if Chromium is not installed. */
export function installedChromium(): string | undefined {
  return findOnPath('chromium') ?? findOnPath('chromium-browser') ?? findOnPath('google-chrome');
}

/** The caller closes it. As root, Chromium runs without its sandbox. */
export function startChromium(executablePath: string): Promise<Browser> {
  const home = scratchFolder('browser');
  return chromium.launch({
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    env: { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  });
}
