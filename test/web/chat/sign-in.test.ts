/** Sign-in to the chat page at a real OpenID Connect provider. */
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { DevFolder } from '../../integration/main/dev/dev-harness.js';
import { eventually } from '../../support/eventually.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { ensureChromium, startChromium } from '../../support/services/chromium.js';
import { OidcIssuer, PAGE_CLIENT_ID } from '../../support/services/oidc-issuer.js';
import { ChatTab, WITHIN_MS } from './chat-tab.js';

const TEST_TIMEOUT_MS = 60_000;
const AUDIENCE = 'https://chat.example/api';

const chromium = ensureChromium();
const skipped = 'missing' in chromium ? ` (skipped: ${chromium.missing})` : '';

describe(`The sign-in of the chat page, in Chromium${skipped}`, function () {
  this.timeout(TEST_TIMEOUT_MS);
  const folder = new DevFolder();
  let issuer: OidcIssuer | undefined;
  let dev: TestProcess | undefined;
  let browser: Browser | undefined;
  let base: string;

  before(async function () {
    if ('missing' in chromium) return this.skip();
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    issuer = await OidcIssuer.start({ page: `${base}/chat/` });
    const tokens = { JWT_JWKS_URL: issuer.jwksUrl, JWT_ISSUER: issuer.url, JWT_AUDIENCE: AUDIENCE };
    const page = {
      CHAT_PAGE_OIDC_CLIENT_ID: PAGE_CLIENT_ID,
      CHAT_PAGE_OIDC_PARAMETERS: `scope=openid&resource=${encodeURIComponent(AUDIENCE)}`,
    };
    const env = { STORE: 'memory', TRANSPORT: 'in-process', PORT: String(port), ...tokens, ...page };
    [dev, browser] = await Promise.all([folder.start({ rabbitmq: false, env }), startChromium(chromium.path)]);
    await dev.ready();
  });

  after(async () => {
    await browser?.close();
    await dev?.stop();
    await issuer?.stop();
    await eventually(() => folder.processes().length === 0, { within: WITHIN_MS, what: 'the end of npm start' });
  });

  it('leads to the provider and back, with an access token for the API', async () => {
    const tab = await ChatTab.open(browser as Browser, base);
    expect(await tab.page.getByRole('button', { name: 'Alice' }).count()).to.equal(0);
    await tab.page.getByRole('button', { name: 'Sign in' }).click();
    await tab.page.locator('input[name=login]').fill('erin');
    await tab.page.locator('input[name=password]').fill('any');
    await tab.page.locator('button[type=submit]').click();
    await tab.page.waitForURL(/interaction/);
    await tab.page.getByRole('button', { name: 'Continue' }).click();
    await tab.live();
    await tab.page.getByRole('heading', { level: 2, name: 'erin' }).waitFor();
    // Neither the code nor a token stays in the address.
    expect(tab.page.url()).to.equal(`${base}/chat/`);
    await tab.page.reload();
    await tab.live();
    expect(tab.complaints).to.deep.equal([]);
    await tab.close();
  });

  it('ignores an answer that the tab did not ask for', async () => {
    const tab = await ChatTab.open(browser as Browser, base);
    await tab.page.goto(`${base}/chat/?code=stolen&state=guessed`);
    await tab.page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(tab.page.url()).to.equal(`${base}/chat/`);
    await tab.close();
  });
});
